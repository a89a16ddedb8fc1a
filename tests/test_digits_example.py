"""The digits example, run as its user runs it."""

import os
import re
import struct
import subprocess
import sys

import pytest

from tests.support import examples

ROOT, DIGITS = examples.EXAMPLES.parent, examples.EXAMPLES / "digits.py"


def command(*options):
    return [sys.executable, "-W", "error", str(DIGITS), *map(str, options)]


def environment(**changes):
    return {**os.environ, "PYTHONPATH": str(ROOT), "XDL_DEVICE": "cpu", **changes}


def digits(*options, **changes):
    """Run the example in a process of its own; return what it printed."""
    done = subprocess.run(
        command(*options),
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "" == done.stderr
    return done.stdout


def accuracies(printed):
    return [float(n) for n in re.findall(r"^test accuracy  (\S+)$", printed, re.M)]


@pytest.fixture(scope="module")
def article():
    """Return what the example prints without options: the article's training."""
    return digits()


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    """Return where the picture of two epochs will be."""
    return tmp_path_factory.mktemp("drawing") / "digits.svg"


@pytest.fixture(scope="module")
def brief(drawing):
    """Return what the example prints for two epochs, after which it draws them."""
    return digits("--epochs", 2, "--plot", drawing)


def test_every_epoch_prints_a_summary_line_and_an_accuracy_line(article):
    lines = article.splitlines()

    expected = [f"=== Epoch  {epoch:<2} Summary ===" for epoch in range(40)]
    assert expected == lines[::2]
    assert "=== Epoch  0  Summary ===" == lines[0]
    assert "=== Epoch  39 Summary ===" == lines[78]
    assert 40 == len(accuracies(article)) == len(lines[1::2])


def test_accuracies_are_shares_of_the_450_test_digits_in_full_precision(article):
    found = accuracies(article)

    assert [round(a * 450) / 450 for a in found] == found


def test_accuracy_is_that_of_plain_numpy_after_the_first_and_the_last_epoch(article):
    first, *_, last = accuracies(article)

    assert 0.84 <= first <= 0.90
    assert 0.93 <= last <= 0.98


def test_same_seed_prints_the_same(article, brief):
    assert article.splitlines()[:4] == brief.splitlines()


def test_the_compiled_step_prints_the_same(brief):
    assert brief == digits("--epochs", 2, "--executor", "numpy")


@pytest.mark.parametrize(
    "options", [("--seed", 1), ("--lr", 0.02), ("--batch-size", 8)], ids=str
)
def test_option_changes_the_training(options, brief):
    changed = digits("--epochs", 2, *options)

    assert 2 == len(accuracies(changed))
    assert accuracies(brief) != accuracies(changed)


def test_batch_of_all_samples_is_one_step_an_epoch():
    printed = digits("--epochs", 30, "--batch-size", 5000, "--lr", 2)

    assert accuracies(printed)[-1] > 0.85


def test_seeds_prints_the_means_of_the_runs_of_each_seed(brief):
    runs = [accuracies(brief), accuracies(digits("--epochs", 2, "--seed", 1))]

    printed = digits("--epochs", 2, "--seeds", 2)

    lines = [
        f"seed {seed}  first {first:.4f}  last {last:.4f}"
        for seed, (first, last) in enumerate(runs)
    ]
    for epoch in (0, 1):
        mean = (runs[0][epoch] + runs[1][epoch]) / 2
        lines.append(f"mean test accuracy after epoch {epoch}  {mean:.4f}")
    assert lines == printed.splitlines()


def test_plot_draws_a_png_of_a_readable_size(tmp_path):
    picture = tmp_path / "digits.png"

    digits("--epochs", 1, "--plot", picture)

    content = picture.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG")
    assert width >= 1000
    assert height >= 600
    assert len(content) > 30_000


def test_plot_shows_digits_with_answers_the_curve_and_the_confusion_matrix(
    brief, drawing
):
    drawn = drawing.read_text()

    texts = re.findall(r"<!-- (.*?) -->", drawn, re.S)  # matplotlib notes what it drew
    images = drawn.count("<image")  # 30 digits and the matrix
    mistakes = sum(bool(re.fullmatch(r"\d, not \d", text)) for text in texts)
    assert (31, 15) == (images, mistakes)
    assert f"Test accuracy: {accuracies(brief)[-1]:.4f} after epoch 1" in texts
    assert "Confusion matrix of the 450 test digits" in texts
    assert {"epoch", "test accuracy", "answer", "digit"} <= set(texts)


def test_matplotlib_is_imported_for_a_plot_alone():
    program = (
        "import runpy, sys; sys.argv = ['digits.py', '--epochs', '1'];"
        f"sys.path.insert(0, {str(DIGITS.parent)!r});"
        f"runpy.run_path({str(DIGITS)!r}, run_name='__main__');"
        "print('matplotlib' in sys.modules)"
    )

    printed = subprocess.check_output(
        [sys.executable, "-c", program], env=environment(), text=True
    )

    assert "False" == printed.splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_terminal_shows_a_progress_bar_around_the_same_lines(brief):
    printed = run_on_terminal(command("--epochs", 2))

    text = re.sub(r"[^\n]*\r", "", printed.replace("\r\n", "\n"))  # what stays visible
    assert "| 0/2 [" in printed
    assert brief == text


def run_on_terminal(arguments):
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(arguments, stdout=theirs, env=environment())
    os.close(theirs)
    read = b""
    try:
        while part := os.read(ours, 65536):
            read += part
    except OSError:  # Linux: the other end is closed
        pass
    finally:
        os.close(ours)
    assert 0 == process.wait()
    return read.decode()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--epochs 0", "argument --epochs: '0' came, needed int in [1, inf)"),
        ("--epochs 1.5", "argument --epochs: '1.5' came, needed int in [1, inf)"),
        ("--batch-size 0", "argument --batch-size: '0' came, needed int in [1, inf)"),
        ("--lr -0.1", "argument --lr: '-0.1' came, needed float in [0, inf)"),
        ("--lr nan", "argument --lr: 'nan' came, needed float in [0, inf)"),
        ("--lr inf", "argument --lr: 'inf' came, needed float in [0, inf)"),
        ("--lr fast", "argument --lr: 'fast' came, needed float in [0, inf)"),
        ("--seed -1", "argument --seed: '-1' came, needed int in [0, 4294967296)"),
        ("--seeds 0", "argument --seeds: '0' came, needed int in [1, inf)"),
        ("--seeds 2 --seed 1", "argument --seed: not allowed with argument --seeds"),
        ("--plot a.txt", "argument --plot: 'a.txt' came, needed a .png, .svg or .pdf"),
        (
            "--executor nimba",
            "executor 'nimba' came, needed one of 'numpy', 'numba', 'cuda'",
        ),
        ("--plot no/a.png", "argument --plot: 'no/a.png' cannot be written"),
        ("--seeds 2 --plot a.png", "one picture shows one seed; leave --seeds out"),
    ],
)
def test_wrong_option_is_refused_in_one_sentence(
    options, sentence, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as stopped:
        examples.run(f"digits.py {options}", monkeypatch, capsys)

    printed = capsys.readouterr()
    assert 2 == stopped.value.code
    assert "" == printed.out
    assert printed.err.splitlines()[-1].startswith("digits.py: error: ")
    assert printed.err.endswith(sentence + "\n")


def test_unknown_device_is_refused_in_one_sentence():
    done = subprocess.run(
        command(), env=environment(XDL_DEVICE="tpu"), capture_output=True, text=True
    )

    assert 2 == done.returncode
    assert "'tpu' came, needed 'cpu', 'cuda'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.gpu
def test_cuda_reaches_the_accuracies_of_the_cpu(brief):
    on_gpu = accuracies(digits("--epochs", 2, XDL_DEVICE="cuda"))

    assert pytest.approx(accuracies(brief), abs=3 / 450) == on_gpu
