"""K-FAC (gpauloski/kfac-pytorch 869cf11), evaluated in NumPy float64 from its formulas.

A case has a fully connected layer or a convolution, with a bias. Keys, for each update t: <case>/a/<t>
(inputs or patches, the column of ones included), <case>/g/<t> (gradient of the outputs),
<case>/grad/<t> ([out, in], the bias last), <case>/eigen/<t>, <case>/inverse/<t> (preconditioned
gradients) and <case>/clip/<t> (nu of each: eigen, inverse). `positions` is the number of a
convolution's output positions.
"""

import numpy as np

from trajectories import File

DECAY, DAMPING, CLIP, LR = 0.95, 0.001, 0.001, 0.1


def average(factor, x, divisor):
  x = x / divisor
  return DECAY * factor + (1 - DECAY) * x.T @ (x / len(x))


def main():
  target = File("kfac")
  generator = np.random.default_rng(5)
  for case, inputs, outputs, batch, positions in [("linear", 6, 4, 10, 1), ("convolution", 9, 3, 4, 12)]:
    a_factor, g_factor, out = np.eye(inputs), np.eye(outputs), {}
    for t in range(1, 5):
      a = generator.normal(size=(batch * positions, inputs))
      a[:, -1] = 1
      g = generator.normal(size=(batch * positions, outputs))
      gradient = g.T @ a / batch
      a_factor, g_factor = average(a_factor, a, positions), average(g_factor, g, positions)
      d_a, q_a = np.linalg.eigh(a_factor)
      d_g, q_g = np.linalg.eigh(g_factor)
      eigen = q_g.T @ gradient @ q_a / (np.outer(np.maximum(d_g, 0), np.maximum(d_a, 0)) + DAMPING)
      eigen = q_g @ eigen @ q_a.T
      inverse = np.linalg.inv(g_factor + DAMPING * np.eye(outputs)) @ gradient @ np.linalg.inv(
        a_factor + DAMPING * np.eye(inputs))
      clip = [
        min(1, np.sqrt(CLIP / abs(np.sum(v * gradient * LR**2)))) for v in (eigen, inverse)]
      values = dict(a=a, g=g, grad=gradient, eigen=eigen, inverse=inverse, clip=np.array(clip))
      out |= {f"{k}/{t}": v for k, v in values.items()}
    target.add(
      case, out, optimizer="kfac", dtype="F64", steps=4, positions=positions, rtol=1e-10,
      set=dict(factor_decay=DECAY, damping=DAMPING, kl_clip=CLIP, lr=LR),
      reference="formula (gpauloski/kfac-pytorch 869cf11)")
  target.save()


if __name__ == "__main__":
  main()
