"""Estimators for scikit-learn, trained by xdl: ``xdl.sklearn.MLPClassifier``, ...

They need scikit-learn (``pip install "xdl[sklearn]"``).
"""

from xdl.sklearn.classifier import Classifier as Classifier
from xdl.sklearn.classifier import MLPClassifier as MLPClassifier
from xdl.sklearn.display import LossCurveDisplay as LossCurveDisplay
from xdl.sklearn.regressor import MLPRegressor as MLPRegressor
from xdl.sklearn.regressor import Regressor as Regressor
from xdl.sklearn.search import GridSearchCV as GridSearchCV
from xdl.sklearn.search import RandomizedSearchCV as RandomizedSearchCV
