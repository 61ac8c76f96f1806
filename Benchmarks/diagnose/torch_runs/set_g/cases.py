"""Set G: each fault on each of three tasks; see the other sets for how they are proven."""

from ..cases import MOMENTUM, PRODIGY, add, board, csv, of, state

ADAM = dict(optimizer="adam")
LOGS = dict(tideline=lambda n, **m: csv("notebook", n, **m), wines=lambda n, **m: state(n, **m),
            orbits=lambda n, **m: board("charts", n, **m))


def cases():
    for task, steps in [("wines", 400), ("tideline", 420), ("orbits", 380)]:
        log = LOGS[task]

        def put(kind, run, mend, words, judge="train", every=2, **more):
            add(kind, f"{task}-{kind.replace('_', '-')}", log(every, **more), run, mend, words, judge)

        a = lambda lr=5e-3, **m: of(task, steps, lr, batch=32, **(ADAM | m))
        put("lr_too_high", a(0.3), dict(lr=5e-3), "a rate of 0.005", "held")
        put("diverged", of(task, steps, 2.0, batch=32, schedule="raised", raised=60.0, **MOMENTUM, stop=True) | dict(lr=0.03),
            dict(schedule="constant"), "the rate left as it was")
        put("lr_too_low", a(3e-5), dict(lr=5e-3), "a rate of 0.005", "held", 5)
        put("warmup_too_short", a(0.15, schedule="cosine"), dict(warmup=100), "a warm-up of 100 steps", "held", 1)
        put("clip_too_tight", of(task, steps, 0.05, batch=32, clip=0.01, **MOMENTUM), dict(clip=2.0), "a threshold of 2", every=5)
        put("clip_idle", a(clip=200.0, schedule="cosine"), dict(clip=None), "no clipping", every=5)
        put("loss_spikes", a(bad=dict(at=[121, 170, 228, 291, 340], kind="inputs", scale=30.0)), dict(bad=None), "no broken batches", every=1)
        put("plateau", of(task, steps, 0.05, batch=32, **MOMENTUM, data=dict(dead=30.0)), dict(data={}), "biases that begin at nought", every=5)
        put("overfitting", of(task, 700, 5e-3, batch=32, **ADAM, data=dict(examples=200, hidden=(96,)), evaluate=25), dict(data=dict(hidden=(96,))), "all of the examples", "held", 5)
        scaler = lambda s, g=2000: dict(scale=s, growth=g, dynamic=True)
        put("fp16_overflow", of(task, 260, 5e-4, batch=32, precision="float16", scaler=scaler(2.0**22, 2)), dict(scaler=scaler(1024.0)), "a scale that grows every 2,000 steps")
        put("nan", a(data=dict(far=1)), dict(data={}), "the missing row left out", "held")
        put("updates_lost", a(1e-4, precision="bfloat16"), dict(precision="float32", lost=True), "weights in float32", every=5)
        put("d_stuck", of(task, steps, 1.0, batch=32, optimizer="prodigy", settings=dict(d_coef=1e-4)), dict(settings={}), "d_coef of 1", every=4, extra=["d"])
        put("d_still_rising", of(task, steps, 1.0, batch=32, optimizer="prodigy", settings=dict(growth_rate=1.015)), dict(settings={}), "d free to grow", every=4, extra=["d"])
        put("tensors_not_moving", a(0.01, frozen=["0."], ratios=["weight"]), dict(frozen=[]), "every tensor given to the optimizer", every=5)
        put("schedule_ended_early", a(1e-3, schedule="cosine", horizon=110), dict(horizon=None), "a schedule of the whole length", "held", 5)
        put("schedule_cut_off", a(0.05, schedule="cosine", horizon=1100), dict(horizon=None), "a schedule of the length", "held", 5)
        run = of(task, steps, 0.05, batch=128, schedule="cosine", **ADAM)
        put("resume_jump", run | dict(forget=dict(at=steps * 7 // 10, what="state and schedule")), dict(forget=None), "the state kept")
        put("epoch_sawtooth", of(task, 500, 0.05, batch=25, order="sorted", **MOMENTUM), dict(order="shuffled"), "shuffled examples", "held")
        put("lr_not_logged", of(task, steps, 1.0, batch=32, **PRODIGY), {}, "", every=5)
        for n, (more, lr) in enumerate([
            (dict(**ADAM, schedule="cosine", warmup=20), 0.01), (dict(**MOMENTUM, schedule="linear"), 0.05),
            (dict(**ADAM, schedule="linear", evaluate=80), 0.01), (dict(schedule="cosine", clip=1.0), 0.01),
            (dict(optimizer="nadam", schedule="cosine"), 0.008), (dict(**ADAM, schedule="linear", floor=0.1), 0.015),
            (dict(optimizer="radam", schedule="linear"), 0.01), (dict(optimizer="adamax", schedule="cosine"), 0.02)]):
            length = 500 + 90 * n
            add("healthy", f"{task}-well-{n}", log([5, 1, 10][n % 3]), of(task, length, lr, batch=[32, 64][n % 2], **more))
