"""What each optimizer does with one element, in CUDA C++: twins of their ``change``.

REAL is float, and double for weights in double; ``number`` are the hyperparameters that
the ``together`` of the optimizer returns, the last one what a gradient is limited to.
The first text of each is what a block prepares, the second is run for each element: w
and g are its weight and gradient, ``state0[i]`` to ``state2[i]`` its state. A third is
run once a weight, after its step is counted.
"""

_LIMITED = """
    if (most != 0) g = g < -most ? -most : g > most ? most : g;
"""
_DECAYED = """
    if (decays) {
      if (decoupled) w *= decay; else g = g + decay * w;
    }
"""
_OF_ADAM = """
  REAL beta1 = number[1], beta2 = number[2], most = number[7];
  REAL rest1 = 1 - number[1], rest2 = 1 - number[2];
  REAL decay = number[5] != 0 ? 1 - number[0] * number[4] : number[4];
  bool decoupled = number[5] != 0, decays = number[4] != 0;
  double t = *table.entry[k].step + 1;
"""
_AVERAGES = (
    _LIMITED
    + _DECAYED
    + """
    REAL m = state0[i] * beta1, v = state1[i] * beta2;
    m += rest1 * g;
    v += rest2 * (g * g);
    state0[i] = m;
    state1[i] = v;
"""
)

# Powers of the betas are in double: in float, 1 - 0.999 is wrong in its fifth digit.
BODIES = {
    "sgd": (
        """
  REAL lr = number[0], momentum = number[1], decay = number[3];
  bool nesterov = number[2] != 0;
""",
        """
    if (decay != 0) g = g + decay * w;
    if (state0) {
      REAL v = state0[i] * momentum;
      v += g;
      state0[i] = v;
      g = nesterov ? g + momentum * v : v;
    }
    w -= lr * g;
""",
    ),
    "adam": (
        _OF_ADAM
        + """
  bool keeps_greatest = number[6] != 0;
  __shared__ REAL shared_eps, shared_lr;
  if (!threadIdx.x) {
    double root = sqrt(1 - pow(number[2], t));
    shared_eps = number[3] * root;
    shared_lr = number[0] * root / (1 - pow(number[1], t));
  }
  __syncthreads();
  REAL eps = shared_eps, lr = shared_lr;
""",
        _AVERAGES
        + """
    if (keeps_greatest) {
      v = v > state2[i] ? v : state2[i];
      state2[i] = v;
    }
    w -= m / (sqrt(v) + eps) * lr;
""",
    ),
    "nadam": (
        _OF_ADAM
        + """
  __shared__ REAL shared_eps, shared_now, shared_later;
  if (!threadIdx.x) {
    double now = number[1] * (1 - 0.5 * pow(0.96, t * number[6]));
    double later = number[1] * (1 - 0.5 * pow(0.96, (t + 1) * number[6]));
    double so_far = *(double*)state2 * now;
    double root = sqrt(1 - pow(number[2], t)), scale = number[0] * root;
    shared_eps = number[3] * root;
    shared_now = scale * (1 - now) / (1 - so_far);
    shared_later = scale * later / (1 - so_far * later);
  }
  __syncthreads();
  REAL eps = shared_eps, now = shared_now, later = shared_later;
""",
        _AVERAGES
        + """
    w -= (g * now + m * later) / (sqrt(v) + eps);
""",
        """
    double t = *table.entry[k].step, *product = (double*)table.entry[k].state2;
    *product *= table.number[1] * (1 - 0.5 * pow(0.96, t * table.number[6]));
""",
    ),
    "radam": (
        _OF_ADAM
        + """
  REAL eps = number[3];
  __shared__ REAL shared_lr, shared_factor;
  __shared__ bool shared_is_tractable;
  if (!threadIdx.x) {
    double power = pow(number[2], t), longest = 2 / (1 - number[2]) - 1;
    double length = longest - 2 * t * power / (1 - power);
    double factor = (length - 4) * (length - 2) * longest;
    factor /= (longest - 4) * (longest - 2) * length;
    shared_lr = number[0] / (1 - pow(number[1], t));
    shared_is_tractable = longest > 5 && length > 5;
    shared_factor = shared_is_tractable ? sqrt(factor * (1 - power)) : 0;
  }
  __syncthreads();
  REAL lr = shared_lr, factor = shared_factor;
  bool is_tractable = shared_is_tractable;
""",
        _AVERAGES
        + """
    REAL update = m * lr;
    w -= is_tractable ? update * (factor / (sqrt(v) + eps)) : update;
""",
    ),
    "lion": (
        """
  REAL lr = number[0], beta1 = number[1], beta2 = number[2];
  REAL rest1 = 1 - number[1], rest2 = 1 - number[2];
  REAL decay = 1 - number[0] * number[3];
  bool decays = number[3] != 0;
""",
        """
    if (decays) w *= decay;
    REAL m = state0[i], direction = beta1 * m + rest1 * g;
    w -= lr * (direction > 0 ? 1 : direction < 0 ? -1 : 0);
    state0[i] = m * beta2 + rest2 * g;
""",
    ),
    "rmsprop": (
        """
  REAL lr = number[0], alpha = number[1], rest = 1 - number[1], eps = number[2];
  REAL decay = number[3], momentum = number[4], most = number[7];
  bool centered = number[5] != 0, has_average = number[6] != 0;
  REAL* velocity = has_average ? state2 : state1;
""",
        _LIMITED
        + """
    if (decay != 0) g = g + decay * w;
    REAL v = state0[i] * alpha + rest * (g * g);
    state0[i] = v;
    if (has_average) {
      REAL m = state1[i] * alpha + rest * g;
      state1[i] = m;
      if (centered) v = v > m * m ? v - m * m : 0;
    }
    REAL update = g / (sqrt(v) + eps);
    if (velocity) velocity[i] = update = velocity[i] * momentum + update;
    w -= lr * update;
""",
    ),
    "adagrad": (
        """
  REAL eps = number[1], decay = number[2], most = number[7];
  REAL lr = number[0] / (1 + *table.entry[k].step * number[3]);
  REAL room = sizeof(REAL) == 8 ? ROOM64 : ROOM32;
""",
        _LIMITED
        + """
    if (decay != 0) g = g + decay * w;
    REAL v = state0[i] < room ? state0[i] : room;
    v += g * g;
    state0[i] = v;
    w -= g / (sqrt(v) + eps) * lr;
""",
    ),
    "adadelta": (
        """
  REAL lr = number[0], rho = number[1], rest = 1 - number[1], eps = number[2];
  REAL decay = number[3], most = number[7];
""",
        _LIMITED
        + """
    if (decay != 0) g = g + decay * w;
    REAL v = state0[i] * rho + rest * (g * g), d = state1[i];
    state0[i] = v;
    REAL update = sqrt((d + eps) / (v + eps)) * g;
    state1[i] = d * rho + rest * (update * update);
    w -= lr * update;
""",
    ),
}
ROOM = {"ROOM64": repr(2.0**1022), "ROOM32": repr(2.0**126)}
