"""Binary MNIST in PyTorch: the network, batch, learning rates and number of steps of `descent train vae`.

    python bench/vae-torch.py FOLDER --split DIR          writes DIR/train and DIR/test, the last 2,000, as IDX files
    python bench/vae-torch.py FOLDER [--steps N] [--batch B] [--lr R] [--latent L] [--encoder dense|conv]
                              [--objective elbo|iwae] [--samples K] [--importance S] [--threads T] [--seed S]

FOLDER holds IDX files of images as MNIST has them, gzipped or not. Values above a half are 1. The last 2,000 images are held
out. Prints the ELBO of those, its parts, and the likelihood by importance sampling, in nats. The same in Descent:

    descent train vae --data DIR/train --val DIR/test --steps N --set encoder=conv --objective iwae --out RUN
    descent eval RUN --data DIR/test
"""

import argparse
import gzip
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


HELD_OUT = 2000


def idx_in(folder: Path, what: str) -> bytes:
    path = next(p for p in sorted(folder.iterdir()) if what in p.name and "idx" in p.name)
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def split(folder: Path, into: Path) -> None:
    for what, axes in (("images", 3), ("labels", 1)):
        data, start = idx_in(folder, what), 4 + 4 * axes
        count = int.from_bytes(data[4:8], "big")
        cut = start + (count - HELD_OUT) * ((len(data) - start) // count)
        for part, size, body in (("train", count - HELD_OUT, data[start:cut]), ("test", HELD_OUT, data[cut:])):
            (into / part).mkdir(parents=True, exist_ok=True)
            header = data[:4] + size.to_bytes(4, "big") + data[8:start]
            (into / part / f"{part}-{what}-idx{axes}-ubyte").write_bytes(header + body)


def images_in(folder: Path) -> torch.Tensor:
    data = idx_in(folder, "images")
    count, height, width = (int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(3))
    pixels = np.frombuffer(data, np.uint8, offset=16).reshape(count, 1, height, width)
    return torch.from_numpy((pixels > 127).astype(np.float32))


class VAE(nn.Module):
    def __init__(self, latent: int, encoder: str, hidden: int = 200, channels: int = 32):
        super().__init__()
        if encoder == "dense":
            self.encoder = nn.Sequential(
                nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
            )
            self.decoder = nn.Sequential(
                *(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()),
                *(nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28))),
            )
        else:
            inner = 2 * channels
            self.encoder = nn.Sequential(
                *(nn.Conv2d(1, channels, 3, 2, 1), nn.ReLU(), nn.Conv2d(channels, inner, 3, 2, 1), nn.ReLU()),
                *(nn.Flatten(), nn.Linear(inner * 49, hidden), nn.ReLU()),
            )
            self.decoder = nn.Sequential(
                *(nn.Linear(latent, inner * 49), nn.ReLU(), nn.Unflatten(1, (inner, 7, 7))),
                *(nn.ConvTranspose2d(inner, inner, 3, 2, 1, 1), nn.ReLU()),
                *(nn.ConvTranspose2d(inner, channels, 3, 2, 1, 1), nn.ReLU(), nn.Conv2d(channels, 1, 3, 1, 1)),
            )
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def encode(self, x):
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)


def log_likelihood(model: VAE, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """x [B, 1, 28, 28], z [B, K, L] -> [B, K]."""
    logits = model.decoder(z.flatten(0, 1)).unflatten(0, z.shape[:2])
    return -F.binary_cross_entropy_with_logits(logits, x[:, None].expand_as(logits), reduction="none").sum((2, 3, 4))


def parts(model: VAE, x: torch.Tensor, samples: int):
    """Reconstruction [B], KL [B] and log-weights [B, K], in nats."""
    mean, log_variance = model.encode(x)
    epsilon = torch.randn(len(x), samples, mean.shape[1])
    z = mean[:, None] + (log_variance[:, None] / 2).exp() * epsilon
    log_p = log_likelihood(model, x, z)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    two_pi = math.log(2 * math.pi)
    prior = -0.5 * (z**2 + two_pi).sum(2)
    posterior = -0.5 * (epsilon**2 + log_variance[:, None] + two_pi).sum(2)
    return -log_p.mean(1), kl, log_p + prior - posterior


def bound(weights: torch.Tensor) -> torch.Tensor:
    return weights.logsumexp(1) - math.log(weights.shape[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name, value in {"steps": 2000, "batch": 100, "latent": 16, "samples": 0, "importance": 200, "threads": 2, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--encoder", choices=["dense", "conv"], default="dense")
    parser.add_argument("--objective", choices=["elbo", "iwae"], default="elbo")
    parser.add_argument("--split", type=Path)
    given = parser.parse_args()
    if given.split:
        return split(given.folder, given.split)
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    data = images_in(given.folder)
    train, test = data[:-HELD_OUT], data[-HELD_OUT:]
    model = VAE(given.latent, given.encoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=given.lr, betas=(0.9, 0.999), eps=1e-8)
    warm, least = min(100, given.steps // 20), given.lr / 10
    samples = given.samples or (5 if given.objective == "iwae" else 1)
    order, start = torch.randperm(len(train)), time.perf_counter()
    for step in range(1, given.steps + 1):
        falling = least + 0.5 * (given.lr - least) * (1 + math.cos(math.pi * (step - warm) / max(1, given.steps - warm)))
        for group in optimizer.param_groups:
            group["lr"] = given.lr * step / warm if step < warm else falling
        if len(order) < given.batch:
            order = torch.randperm(len(train))
        batch, order = train[order[: given.batch]], order[given.batch :]
        reconstruction, kl, weights = parts(model, batch, samples)
        loss = (reconstruction + kl).mean() if given.objective == "elbo" else -bound(weights).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % max(1, given.steps // 10) == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        measured = [parts(model, x, 1) for x in test.split(100)]
        reconstruction, kl = (torch.cat([m[i] for m in measured]).mean().item() for i in (0, 1))
        nll = -torch.cat([bound(parts(model, x, given.importance)[2]) for x in test.split(10)]).mean().item()
    rate = given.steps * given.batch / seconds
    print(f"elbo {-reconstruction - kl:.3f}  reconstruction {reconstruction:.3f}  kl {kl:.3f}  nll {nll:.3f}  {rate:.0f} pictures/s")


main()
