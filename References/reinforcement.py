"""CartPole-v1 of Gymnasium, generalized advantage estimation, and the loss of PPO in PyTorch.

Keys: cartpole/<episode>/start (x, its speed, the angle, its speed, float64), /actions, /states (after each
action), /terminated, /observations (float32);
gae/<case>/rewards, /values, /next, /last, /advantages (float64), with γ and λ in /constants;
ppo/<case>/logits, /values, /actions, /log_probabilities, /old_values, /advantages, /returns (float32),
/constants (clip, value weight, entropy weight, clips values, normalizes), /loss, /policy, /value, /entropy,
/kl, /clipped, /dlogits, /dvalues (float64).
"""

from pathlib import Path

import gymnasium
import numpy as np
import torch
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parent.parent / "Tests/DescentTrainingTests/Vectors/reinforcement.safetensors"
tensors = {}


def cart_pole():
  """Episodes with random actions, and one that a simple rule keeps up for long."""
  for episode in range(4):
    world = gymnasium.make("CartPole-v1")
    world.reset(seed=episode)
    generator = np.random.default_rng(episode)
    start = np.array(world.unwrapped.state, dtype=np.float64)
    actions, states, observations, ended = [], [], [], []
    while not ended or not (ended[-1] or len(ended) == 500):
      state = world.unwrapped.state
      action = int(state[2] + 0.5 * state[3] > 0) if episode == 3 else int(generator.integers(2))
      observation, reward, terminated, truncated, _ = world.step(action)
      assert reward == 1 and truncated == (len(ended) == 499)
      actions.append(action)
      states.append(np.array(world.unwrapped.state, dtype=np.float64))
      observations.append(observation)
      ended.append(terminated)
    name = f"cartpole/{episode}/"
    tensors[name + "start"] = start
    tensors[name + "actions"] = np.array(actions, dtype=np.int32)
    tensors[name + "states"] = np.array(states)
    tensors[name + "observations"] = np.array(observations, dtype=np.float32)
    tensors[name + "terminated"] = np.array(ended, dtype=np.int32)


def advantages():
  """A_t = sum over l of (γλ)^l δ_(t+l), summed up to the end of the episode."""
  for case, (gamma, lam) in enumerate([(0.99, 0.95), (1.0, 1.0), (0.9, 0.0)]):
    generator = np.random.default_rng(100 + case)
    count = 40
    rewards, values, following = generator.normal(size=(3, count))
    last = generator.random(count) < 0.15
    following[last & (generator.random(count) < 0.5)] = 0
    delta = rewards + gamma * following - values
    result = np.zeros(count)
    for t in range(count):
      for k in range(t, count):
        result[t] += (gamma * lam) ** (k - t) * delta[k]
        if last[k]:
          break
    name = f"gae/{case}/"
    for key, value in [("rewards", rewards), ("values", values), ("next", following), ("advantages", result),
                       ("constants", np.array([gamma, lam]))]:
      tensors[name + key] = np.array(value, dtype=np.float64)
    tensors[name + "last"] = last.astype(np.int32)


def surrogate():
  """The loss as CleanRL's ppo.py writes it, in float64."""
  cases = [(0.2, 0.5, 0.01, 1, 1), (0.1, 1.0, 0.0, 0, 0), (0.3, 0.25, 0.1, 1, 0)]
  for case, (clip, value_weight, entropy_weight, clips, normalizes) in enumerate(cases):
    generator = np.random.default_rng(200 + case)
    count, actions = 50, 2 + case
    f32 = lambda x: x.astype(np.float32)
    logits = f32(generator.normal(size=(count, actions)))
    old_logits = logits + 0.4 * generator.normal(size=(count, actions))
    taken = generator.integers(actions, size=count).astype(np.int32)
    old = f32(torch.log_softmax(torch.tensor(old_logits), 1).numpy()[np.arange(count), taken])
    values = f32(generator.normal(size=count))
    old_values = f32(values + 0.4 * generator.normal(size=count))
    advantage = f32(2 * generator.normal(size=count) + 0.5)
    returns = f32(advantage + old_values)

    x = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    v = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    t = lambda a: torch.tensor(a, dtype=torch.float64)
    policy = torch.distributions.Categorical(logits=x)
    log_ratio = policy.log_prob(torch.tensor(taken)) - t(old)
    ratio = log_ratio.exp()
    a = t(advantage)
    if normalizes:
      a = (a - a.mean()) / (a.std() + 1e-8)
    policy_loss = torch.max(-a * ratio, -a * torch.clamp(ratio, 1 - clip, 1 + clip)).mean()
    free = (v - t(returns)) ** 2
    if clips:
      bounded = t(old_values) + torch.clamp(v - t(old_values), -clip, clip)
      free = torch.max(free, (bounded - t(returns)) ** 2)
    value_loss = 0.5 * free.mean()
    entropy = policy.entropy().mean()
    loss = policy_loss + value_weight * value_loss - entropy_weight * entropy
    loss.backward()
    name = f"ppo/{case}/"
    for key, value in [("logits", logits), ("values", values), ("actions", taken), ("log_probabilities", old),
                       ("old_values", old_values), ("advantages", advantage), ("returns", returns),
                       ("constants", np.array([clip, value_weight, entropy_weight, clips, normalizes])),
                       ("dlogits", x.grad.numpy()), ("dvalues", v.grad.numpy())]:
      tensors[name + key] = value
    kl = ((ratio - 1) - log_ratio).mean()
    clipped = ((ratio - 1).abs() > clip).double().mean()
    for key, value in [("loss", loss), ("policy", policy_loss), ("value", value_loss), ("entropy", entropy),
                       ("kl", kl), ("clipped", clipped)]:
      tensors[name + key] = np.array([value.item()])


cart_pole()
advantages()
surrogate()
# The tests read numbers of floating point alone.
save_file({k: v if v.dtype.kind == "f" else v.astype(np.float64) for k, v in tensors.items()}, OUT)
