"""PyTorch as a peer of the bench: training steps and forward passes on the CPU, float32, answering JSON lines (README.md has the protocol).

Usage: python torch_bench.py --threads 2         requests on stdin, one JSON object per line

B batch · T steps · I input width · H hidden width · C width · V vocabulary
"""

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
THREADS = parser.parse_args().threads
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(THREADS)
os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # so that compileMs is a compilation and no cache hit

import numpy as np  # noqa: E402  (after the environment)
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

torch.set_num_threads(THREADS)


# --- the same numbers for every peer -------------------------------------------------------------------------------

def bits(count, seed):
    """`count` unsigned integers: murmur3's finalizer over a counter, as in rows.js."""
    h = np.arange(count, dtype=np.uint32) + np.uint32((seed * 0x9E3779B9) & 0xFFFFFFFF)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def uniform(shape, seed, scale=1.0):
    """Values in [-scale, scale)."""
    values = bits(math.prod(shape), seed).astype(np.float64) / 2**31 - 1
    return torch.from_numpy((values * scale).astype(np.float32)).reshape(shape)


def integers(shape, seed, limit):
    return torch.from_numpy((bits(math.prod(shape), seed) % np.uint32(limit)).astype(np.int64)).reshape(shape)


@torch.no_grad()
def fill(model):
    """Parameter number i from seed i: matrices within 1/sqrt(fan in), vectors within 0.05, norm weights around 1."""
    for i, (name, p) in enumerate(model.named_parameters()):
        p.copy_(uniform(p.shape, i, 1 / math.sqrt(p[0].numel()) if p.dim() > 1 else 0.05))
        if ".ln_" in f".{name}" and name.endswith("weight"):
            p.add_(1)
    return model


X, Y = 1000, 1001  # seeds of the inputs and the targets


# --- rows: each returns the model, a function from nothing to the loss, the optimizer, and what runs before its step ----

def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.01)


def mlp():
    model = fill(nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)))
    x, y = uniform((64, 784), X), integers((64,), Y, 10)
    return model, lambda: F.cross_entropy(model(x), y), sgd(model)


def conv():
    model = fill(nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 14 * 14, 10),
    ))
    x, y = uniform((32, 1, 28, 28), X), integers((32,), Y, 10)
    return model, lambda: F.cross_entropy(model(x), y), sgd(model)


class ConvVAE(nn.Module):
    """x [B, 1, 28, 28] and epsilon [B, L] -> the negative ELBO; parameters in the order of rows.js."""

    def __init__(self, hidden=200, latent=16, channels=32):
        super().__init__()
        inner = 2 * channels
        self.down = nn.Sequential(
            nn.Conv2d(1, channels, 3, 2, 1), nn.ReLU(), nn.Conv2d(channels, inner, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(inner * 49, hidden), nn.ReLU(),
        )
        self.mean, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.up = nn.Sequential(
            nn.Linear(latent, inner * 49), nn.ReLU(), nn.Unflatten(1, (inner, 7, 7)),
            nn.ConvTranspose2d(inner, inner, 3, 2, 1, 1), nn.ReLU(),
            nn.ConvTranspose2d(inner, channels, 3, 2, 1, 1), nn.ReLU(), nn.Conv2d(channels, 1, 3, 1, 1),
        )

    def forward(self, x, epsilon):
        h = self.down(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        given = self.up(mean + (log_variance / 2).exp() * epsilon)
        reconstruction = F.binary_cross_entropy_with_logits(given, x, reduction="sum")
        return (reconstruction + 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()) / len(x)


def vae_conv(B=100, L=16):
    model = fill(ConvVAE(latent=L))
    x, epsilon = integers((B, 1, 28, 28), X, 2).float(), uniform((B, L), Y)
    return model, lambda: model(x, epsilon), torch.optim.Adam(model.parameters(), lr=1e-3)


def recurrent(make):
    """x [32, 64, 128] -> h [32, 64, 256]; the gradient of x is asked for too, so that the whole backward pass is done."""
    model = fill(make(128, 256, batch_first=True))
    x = uniform((32, 64, 128), X).requires_grad_()

    def loss():
        x.grad = None
        return model(x)[0].square().mean()

    return model, loss, sgd(model)


def ctc(B=32, T=150, I=64, K=29, L=30):
    """x [32, 150, 64] -> logits [32, 150, 29] and the CTC loss of 30 letters each."""
    model = fill(nn.Linear(I, K))
    x, labels = uniform((B, T, I), X), integers((B, L), Y, K - 1) + 1
    lengths, label_lengths = torch.full((B,), T), torch.full((B,), L)
    return model, lambda: F.ctc_loss(model(x).log_softmax(-1).transpose(0, 1), labels, lengths, label_lengths), sgd(model)


class Minimal(nn.Module):
    """minGRU (2 rows) and minLSTM (3) as the paper has them (arXiv 2410.01201, appendix B): a parallel scan in logarithms."""

    def __init__(self, gates, I, H):
        super().__init__()
        linear = nn.Linear(I, gates * H)
        self.gates, self.weight_ih_l0, self.bias_ih_l0 = gates, linear.weight, linear.bias

    def forward(self, x):
        pre = F.linear(x, self.weight_ih_l0, self.bias_ih_l0).chunk(self.gates, -1)
        candidate = torch.where(pre[-1] >= 0, (F.relu(pre[-1]) + 0.5).log(), -F.softplus(-pre[-1]))
        if self.gates == 2:
            coeffs, values = -F.softplus(pre[0]), -F.softplus(-pre[0]) + candidate
        else:
            difference = F.softplus(-pre[0]) - F.softplus(-pre[1])
            coeffs, values = -F.softplus(difference), -F.softplus(-difference) + candidate
        sums = coeffs.cumsum(1)
        return (sums + (values - sums).logcumsumexp(1)).exp()


def minimal(gates):
    """As `recurrent`."""
    model = fill(Minimal(gates, 128, 256))
    x = uniform((32, 64, 128), X).requires_grad_()

    def loss():
        x.grad = None
        return model(x).square().mean()

    return model, loss, sgd(model)


def forward(B, T=1024, I=256, H=256):
    """x [B, T, I] -> h [B, T, H], weights that never change and no gradient."""
    model = fill(nn.LSTM(I, H, batch_first=True)).requires_grad_(False)
    x = uniform((B, T, I), X)
    return model, lambda: model(x)[0].square().mean(), None


def gpt2(rows, what, prompt=512, tokens=100):
    """GPT-2 124M of transformers: a prompt is read, or tokens are generated after it, one by one with a cache."""
    from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

    model = fill(GPT2LMHeadModel(GPT2Config()).transformer).requires_grad_(False).eval()
    ids = torch.stack([integers((prompt,), X + row, 50257) for row in range(rows)])
    after = torch.stack([integers((tokens,), Y + row, 50257) for row in range(rows)])
    kept = {}

    def read(ids):
        hidden = model(ids, past_key_values=kept["cache"], use_cache=True).last_hidden_state[:, -1]
        return F.linear(hidden, model.wte.weight)[0, 0]

    def prefill():
        kept["cache"] = DynamicCache(config=model.config)
        return read(ids)

    def decode():
        return [read(after[:, i:i + 1]) for i in range(tokens)][-1]

    if what == "prefill":
        return model, prefill, None
    decode.prepare = torch.inference_mode()(prefill)
    return model, decode, None


class Block(nn.Module):
    def __init__(self, C, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.c_attn, self.attn_proj = nn.LayerNorm(C), nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.ln_2, self.c_fc, self.mlp_proj = nn.LayerNorm(C), nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in self.c_attn(self.ln_1(x)).split(C, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)                     # [B, heads, T, C / heads]
        x = x + self.attn_proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, V, T, C, heads, layers):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(V, C), nn.Embedding(T, C)
        self.h, self.ln_f = nn.ModuleList(Block(C, heads) for _ in range(layers)), nn.LayerNorm(C)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)                                  # the head is tied


def gpt(layers, heads, C, T, B, V=65, fused=None):
    model = fill(GPT(V, T, C, heads, layers))
    ids, y = integers((B, T), X, V), integers((B, T), Y, V)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, fused=fused)
    return model, lambda: F.cross_entropy(model(ids).flatten(0, 1), y.flatten()), optimizer


ROWS = {
    "mlp": lambda _: mlp(),
    "conv": lambda _: conv(),
    "vae-conv": lambda _: vae_conv(),
    "rnn": lambda _: recurrent(nn.RNN),
    "lstm": lambda _: recurrent(nn.LSTM),
    "gru": lambda _: recurrent(nn.GRU),
    "mingru": lambda _: minimal(2),
    "mingru-parallel": lambda _: minimal(2),
    "minlstm": lambda _: minimal(3),
    "ctc": lambda _: ctc(),
    "lstm-forward": lambda _: forward(1),
    "lstm-forward-32": lambda _: forward(32),
    "gpt2-prefill": lambda _: gpt2(1, "prefill"),
    "gpt2-decode": lambda _: gpt2(1, "decode"),
    "gpt2-decode-8": lambda _: gpt2(8, "decode"),
    "gpt-4x128": lambda request: gpt(4, 4, 128, 64, 12, fused=request.get("fused")),
    "gpt-6x384": lambda request: gpt(6, 6, 384, 256, 4, fused=request.get("fused")),
}


# --- steps -----------------------------------------------------------------------------------------------------------

def build(request):
    """-> a function that makes one step and returns the loss, and what there is to say about the model."""
    model, loss_of, optimizer = ROWS[request["row"]](request)
    clip = 1.0 if isinstance(optimizer, torch.optim.AdamW) else None
    if request.get("mode") == "compile":
        if not (shutil.which("g++") or shutil.which("clang++")):
            raise RuntimeError("torch.compile needs a C++ compiler and there is none")
        torch._dynamo.reset()
        loss_of = torch.compile(loss_of)

    parameters = sum(p.numel() for p in model.parameters())
    if optimizer is None:
        def run():
            with torch.inference_mode():
                return loss_of().item()

        run.prepare = getattr(loss_of, "prepare", lambda: None)
        return run, {"parameters": parameters, "note": "inference"}

    def step():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return loss.item()

    defaults = optimizer.defaults
    kind = next((k for k in ("fused", "foreach") if defaults.get(k)), "default: one loop over the tensors")
    note = f"{type(optimizer).__name__} {kind}"
    return step, {"parameters": parameters, "note": note}


def peak_mb():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def ready(request):
    start = time.perf_counter()
    step, about = build(request)
    prepare = getattr(step, "prepare", lambda: None)
    prepare()
    losses = [step()]
    ms = (time.perf_counter() - start) * 1e3
    for _ in range(request.get("warmup", 3)):
        prepare()
        losses.append(step())
    mode = request.get("mode", "eager")
    return step, {"ready": True, "compileMs": ms, **about, "losses": losses, "peakMB": peak_mb(), "mode": mode,
                  "version": torch.__version__}


def go(step, count):
    times = []
    for _ in range(count):
        getattr(step, "prepare", lambda: None)()
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    return {"ms": times, "peakMB": peak_mb()}


# --- the machine's peak ----------------------------------------------------------------------------------------------

def matmul_gflops(trials=20):
    """The best of several trials of a float32 matrix product, 1024³ and 2048³."""
    best = 0.0
    for n in (1024, 2048):
        a, b = uniform((n, n), 1), uniform((n, n), 2)
        out = torch.empty(n, n)
        for _ in range(trials):
            start = time.perf_counter()
            torch.mm(a, b, out=out)
            best = max(best, 2 * n**3 / (time.perf_counter() - start) / 1e9)
    return best


def fma_gflops(trials=10):
    """The best of several trials of fma.c, one copy per thread; None without a C compiler."""
    compiler = shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
    if not compiler:
        return None
    import ctypes

    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "fma.so"
        source = Path(__file__).parent / "fma.c"
        subprocess.run([compiler, "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
        loop = ctypes.CDLL(str(library)).fma_loop  # ctypes lets go of the interpreter lock during the call
        loop.argtypes, loop.restype = [ctypes.c_long], ctypes.c_double
        iterations, best = 4_000_000, 0.0
        for _ in range(trials):
            done = []
            threads = [threading.Thread(target=lambda: done.append(loop(iterations))) for _ in range(THREADS)]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            best = max(best, sum(done) / (time.perf_counter() - start) / 1e9)
    return best


def peak(_):
    fma = fma_gflops()
    answer = {"matmulGflops": round(matmul_gflops(), 1), "threads": THREADS}
    return {"fmaGflops": round(fma, 1), **answer} if fma else {**answer, "note": "no C compiler, so no FMA loop"}


# --- the protocol ----------------------------------------------------------------------------------------------------

def one_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


def serve():
    step = None
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
            if request.get("row") == "peak":
                answer = peak(request)
            elif "row" in request:
                step = None
                if request.get("threads", THREADS) != THREADS:
                    raise ValueError(f"started with --threads {THREADS}, asked for {request['threads']}")
                if request["row"] not in ROWS:
                    raise ValueError(f"no row {request['row']}, there are {', '.join(ROWS)}")
                step, answer = ready(request)
            elif step is None:
                raise ValueError("no row is ready")
            else:
                answer = go(step, request["go"])
        except Exception as error:  # the driver reads one line per request, whatever happens
            answer = {"error": one_line(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
