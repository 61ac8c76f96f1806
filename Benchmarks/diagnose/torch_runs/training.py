"""One training: a plain loop, as people write it, with what may go wrong in it as settings."""

import math

import torch

from .tasks import TASKS
from .optimizers import OTHERS

DEFAULTS = dict(
    task="digits_mlp",  # and `data`, its settings
    data={},
    seed=0,
    steps=500,
    batch=32,
    optimizer="adamw",  # adam, sgd, rmsprop, nadam, radam, adamax, adagrad, prodigy, lion, muon, dog
    lr=1e-3,
    settings={},  # of the optimizer beside its rate
    schedule="constant",  # cosine, linear, wsd, steps, exponential, inverse-root, square, one-cycle, restarts, raised
    warmup=0,
    floor=0.0,  # of the rate, as a share of its peak
    horizon=None,  # the steps that the schedule believes in
    raised=8.0,  # what `raised` multiplies the rate by
    drops=(0.5, 0.8),  # shares of the run at which the rate of `steps` falls to a tenth
    clip=None,
    accumulate=1,
    order="shuffled",  # fixed: the same each pass; sorted: by label, each pass
    bad=None,  # batches that are broken: dict(at=[...] or every=n, kind=inputs|labels, scale)
    precision="float32",  # float16: autocast with a scaler; bfloat16: weights are rounded after each step
    scaler=dict(scale=65536.0, growth=2000, dynamic=True),
    forget=None,  # dict(at=step, what="state" or "state and schedule"): a resume that loses it
    frozen=(),  # parts of names of tensors that the optimizer is not given
    ratios=(),  # parts of names of tensors whose update ratio is logged
    evaluate=0,
    lost=False,  # whether the share of updates lost to rounding is logged
    stop=False,  # whether the loop ends at the first loss that is not finite, as many do
    logged=None,  # how many steps are run; the rest of the settings stay as for `steps`
)


def multiplier(run, step):
    """What the schedule multiplies the peak rate by at a step counted from 0."""
    total = run["horizon"] or run["steps"]
    if step < run["warmup"]:
        return (step + 1) / run["warmup"]
    x = min((step - run["warmup"]) / max(1, total - run["warmup"]), 1.0)
    floor = run["floor"]
    match run["schedule"]:
        case "constant":
            return 1.0
        case "cosine":
            return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * x))
        case "linear":
            return floor + (1 - floor) * (1 - x)
        case "wsd":
            return 1.0 if x < 0.8 else floor + (1 - floor) * (1 - x) / 0.2
        case "steps":
            return 0.1 ** sum(x >= drop for drop in run["drops"])
        case "exponential":
            return 0.02**x
        case "inverse-root":
            return math.sqrt(max(run["warmup"], 1) / (step + 1))
        case "square":
            return floor + (1 - floor) * (1 - x) ** 2
        case "restarts":  # three cosines, each from half the height of the one before
            return floor + (1 - floor) * 0.5 ** int(3 * x) * 0.5 * (1 + math.cos(math.pi * (3 * x % 1)))
        case "raised":  # for the last 45 % of the run, by mistake
            return 1.0 if x < 0.55 else run["raised"]
        case "one-cycle":  # up over three tenths, then down to nothing
            x = min(step / total, 1.0)
            return 0.04 + 0.96 * math.sin(math.pi * min(x / 0.6, 0.5)) ** 2 if x < 0.3 else (
                0.5 + 0.5 * math.cos(math.pi * (x - 0.3) / 0.7)
            )


def make_optimizer(run, parameters):
    lr, settings = run["lr"], run["settings"]
    match run["optimizer"]:
        case "adamw":
            return torch.optim.AdamW(parameters, lr=lr, **settings)
        case "adam":
            return torch.optim.Adam(parameters, lr=lr, **settings)
        case "sgd":
            return torch.optim.SGD(parameters, lr=lr, **settings)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=lr, **settings)
        case "nadam":
            return torch.optim.NAdam(parameters, lr=lr, **settings)
        case "radam":
            return torch.optim.RAdam(parameters, lr=lr, **settings)
        case "adamax":
            return torch.optim.Adamax(parameters, lr=lr, **settings)
        case "adagrad":
            return torch.optim.Adagrad(parameters, lr=lr, **settings)
        case "prodigy":
            from prodigyopt import Prodigy

            return Prodigy(parameters, lr=lr, **settings)
        case name:
            return OTHERS[name](parameters, lr=lr, **settings)


class Order:
    """Which examples come next, and which pass over the data this is."""

    def __init__(self, run, task):
        self.size, self.batch, self.kind = len(task.train[0]), run["batch"], run["order"]
        self.generator = torch.Generator().manual_seed(run["seed"] + 1)
        self.sorted = None if task.label is None else torch.argsort(task.label, stable=True)
        self.passes, self.at = 0, 0
        self.permutation = self.next()

    def next(self):
        if self.kind == "sorted":
            return self.sorted
        if self.kind == "fixed" and self.passes:
            return self.permutation
        return torch.randperm(self.size, generator=self.generator)

    def take(self):
        if self.at + self.batch > self.size:
            self.passes, self.at = self.passes + 1, 0
            self.permutation = self.next()
        self.at += self.batch
        return self.permutation[self.at - self.batch : self.at]

    @property
    def epoch(self):
        return self.passes + self.at / self.size


def spoil(batch, bad, step, generator):
    """The batch as a broken file, a wrong label or an odd document would have it."""
    at = bad.get("at") or range(bad.get("first", bad.get("every")), 10**9, bad.get("every"))
    if step not in at:
        return batch
    *inputs, last = batch
    if bad["kind"] == "inputs":
        return (inputs[0] * bad["scale"], *inputs[1:], last)
    if bad["kind"] == "labels":
        return (*inputs, last[torch.randperm(len(last), generator=generator)])
    if bad["kind"] == "targets":
        return (*inputs, last * bad["scale"])
    return (torch.randint(int(last.max()) + 1, last.shape, generator=generator),)  # noise in place of a text


def train(settings):
    """Runs a training; returns its rows, one a step, and its final losses on both sets of data."""
    run = DEFAULTS | settings
    torch.manual_seed(run["seed"])
    generator = torch.Generator().manual_seed(run["seed"] + 2)
    task = TASKS[run["task"]](**run["data"])
    model = task.model.train()
    named = [
        (name, p) for name, p in model.named_parameters()
        if p.requires_grad and not any(part in name for part in run["frozen"])
    ]
    everything = [(name, p) for name, p in model.named_parameters()]
    parameters = [p for _, p in named]
    if run["precision"] == "bfloat16":
        for p in parameters:
            p.data = p.data.bfloat16().float()
    optimizer = make_optimizer(run, parameters)
    order = Order(run, task)
    scale, good, restarted = run["scaler"]["scale"], 0, 0
    half = run["precision"] == "float16"
    torch.manual_seed(run["seed"] + 3)
    rows, skipped = [], 0
    for step in range(1, (run["steps"] if run["logged"] is None else run["logged"]) + 1):
        if run["forget"] and step == run["forget"]["at"] + 1:
            optimizer = make_optimizer(run, parameters)
            if "schedule" in run["forget"]["what"]:
                restarted = step - 1
        # Prodigy's own rate is multiplied by the schedule, as any other's.
        lr = run["lr"] * multiplier(run, step - 1 - restarted)
        for group in optimizer.param_groups:
            group["lr"] = lr
        row = {"step": step, "lr": lr}
        optimizer.zero_grad()
        total = 0.0
        for _ in range(run["accumulate"]):
            batch = task.batch(order.take())
            if run["bad"]:
                batch = spoil(batch, run["bad"], step, generator)
            with torch.autocast("cpu", torch.float16, enabled=half):
                loss = task.loss(model, *batch)
            ((loss.float() * scale if half else loss) / run["accumulate"]).backward()
            total += float(loss.detach()) / run["accumulate"]
        if run["stop"] and not math.isfinite(total):
            break
        if half:
            for p in parameters:
                p.grad.div_(scale)
        grads = [p.grad for p in parameters if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(grads))
        row |= {"loss": total, "grad_norm": norm, "epoch": order.epoch}
        if run["clip"]:
            row |= {"clip_norm": run["clip"], "clipped": int(norm > run["clip"])}
            torch.nn.utils.clip_grads_with_norm_(parameters, run["clip"], torch.tensor(norm))
        finite = math.isfinite(norm)
        watch = run["ratios"] or run["lost"] or run["precision"] == "bfloat16"
        before = [p.detach().clone() for _, p in everything] if watch else None
        if not half or finite:
            optimizer.step()
        if half:
            row |= {"loss_scale": scale, "skipped": int(not finite)}
            skipped += not finite
            if run["scaler"]["dynamic"]:
                good = good + 1 if finite else 0
                if not finite:
                    scale = scale / 2
                elif good == run["scaler"]["growth"]:
                    scale, good = scale * 2, 0
        if run["precision"] == "bfloat16":
            wanted = lost = 0
            with torch.no_grad():
                index = {id(p): n for n, (_, p) in enumerate(everything)}
                for p in parameters:
                    old = before[index[id(p)]]
                    moves = p != old
                    p.copy_(p.bfloat16().float())
                    wanted += int(moves.sum())
                    lost += int((moves & (p == old)).sum())
            row["lost_share"] = lost / max(1, wanted)
        elif run["lost"]:
            row["lost_share"] = 0.0
        if run["ratios"]:
            for (name, p), old in zip(everything, before):
                if any(part in name for part in run["ratios"]):
                    row["update_ratio/" + name] = float((p.detach() - old).norm() / (old.norm() + 1e-12))
        if run["optimizer"] in ["prodigy", "dog"]:
            row["d"] = optimizer.param_groups[0]["d"]
        if run["evaluate"] and (step % run["evaluate"] == 0 or step == run["steps"]):
            state = torch.get_rng_state()
            row["val_loss"] = task.mean(task.held)
            torch.set_rng_state(state)
        rows.append(row)
    final = {"train": task.mean(task.train), "held": task.mean(task.held), "skipped": skipped}
    return rows, final
