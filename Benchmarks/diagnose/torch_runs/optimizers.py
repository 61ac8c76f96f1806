"""Rules that PyTorch or its prodigyopt do not have, for the runs of set D."""

import torch


class Lion(torch.optim.Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(parameters, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(torch.sign(first * m + (1 - first) * p.grad), alpha=-group["lr"])
                m.lerp_(p.grad, 1 - second)


class Orthogonal(torch.optim.Optimizer):
    """Muon for matrices, Adam with a tenth of the rate for all else."""

    def __init__(self, parameters, lr, momentum=0.95):
        super().__init__(parameters, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if p.ndim != 2:
                    m = state.setdefault("m", torch.zeros_like(p))
                    v = state.setdefault("v", torch.zeros_like(p))
                    state["t"] = state.get("t", 0) + 1
                    m.lerp_(p.grad, 0.1)
                    v.lerp_(p.grad**2, 0.05)
                    scale = (v / (1 - 0.95 ** state["t"])).sqrt() + 1e-8
                    p.sub_(0.1 * group["lr"] * m / (1 - 0.9 ** state["t"]) / scale)
                    continue
                m = state.setdefault("m", torch.zeros_like(p))
                m.mul_(group["momentum"]).add_(p.grad)
                x = p.grad + group["momentum"] * m
                tall = x.shape[0] > x.shape[1]
                x = x.T if tall else x
                x = x / (x.norm() + 1e-7)
                for _ in range(5):
                    a = x @ x.T
                    x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
                x = x.T if tall else x
                p.sub_(0.2 * group["lr"] * max(p.shape) ** 0.5 * x)


class DoG(torch.optim.Optimizer):
    """The rate is the distance from the start over the root of the sum of squared gradients; `lr` stays 1."""

    def __init__(self, parameters, lr=1.0, first=1e-4):
        super().__init__(parameters, dict(lr=lr, first=first, d=first))
        self.far, self.squares = 0.0, 0.0

    @torch.no_grad()
    def step(self):
        every = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        for p in every:
            self.state[p].setdefault("start", p.clone())
        far = sum(float(((p - self.state[p]["start"]) ** 2).sum()) for p in every) ** 0.5
        self.far = max(self.far, far, self.param_groups[0]["first"])
        self.squares += sum(float((p.grad**2).sum()) for p in every)
        for group in self.param_groups:
            group["d"] = self.far / (self.squares + 1e-8) ** 0.5
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(p.grad, alpha=group["lr"] * group["d"])


OTHERS = dict(lion=Lion, muon=Orthogonal, dog=DoG)
