"""
PyTorch's side of the fuzzer: reads {"code", "leaves", "results", "order", "runs"} a line, answers with the numbers in float64,
how far rounding moves them, and whether float32 gives the same finite numbers.

Rounding is simulated: every result that rounds is multiplied by 1 + 2^-22 u with u in [-1, 1], in `runs` runs. What
float32 itself gives differs from float64 by an amount of the same kind, so the larger of both is the noise.
"""
import json
import sys

import torch
import torch.nn.functional as F_nn

torch.set_num_threads(1)
ROUNDING = 2.0**-22
noise = None  # the generator of the run, where rounding is simulated


spoilt = False  # whether a value was not finite: 0 times infinity in a derivative is 0 here and NaN there


def kept(x):
    global spoilt
    if isinstance(x, (list, tuple)):
        return [kept(part) for part in x]
    spoilt = spoilt or bool(x.is_floating_point() and not x.isfinite().all())
    return x


def rounded(x):
    if isinstance(x, (list, tuple)):
        return [rounded(part) for part in x]
    kept(x)
    if noise is None or not x.is_floating_point():
        return x
    return x * (1 + ROUNDING * (2 * torch.rand(x.shape, dtype=x.dtype, generator=noise) - 1))


# What PyTorch spells otherwise.
def axes_of(x, axes):
    return list(range(x.dim())) if axes is None else axes


def reduce_sum(x, axes, keep):
    axes = axes_of(x, axes)
    return torch.sum(x, axes, keep, dtype=x.dtype) if axes else x


def reduce_mean(x, axes, keep):
    axes = axes_of(x, axes)
    return torch.mean(x, axes, keep) if axes else x


def reduce_max(x, axes, keep):
    axes = axes_of(x, axes)
    return torch.amax(x, axes, keep) if axes else x


def reduce_min(x, axes, keep):
    axes = axes_of(x, axes)
    return torch.amin(x, axes, keep) if axes else x


def variance(x, axes, keep):
    mean = reduce_mean(x, axes, True)
    return reduce_mean((x - mean) * (x - mean), axes, keep)


def clamp(x, low, high):
    return torch.minimum(torch.maximum(x, torch.tensor(low, dtype=x.dtype)), torch.tensor(high, dtype=x.dtype))


def sign(x):
    """PyTorch has 0 for NaN."""
    return torch.where(x.isnan(), x, torch.sign(x)) if x.is_floating_point() else torch.sign(x)


def power(a, b):
    """PyTorch's own has no mixed second derivative at b = 0."""
    usual = (a > 0) & a.isfinite()
    safe = torch.where(usual, a, 1.0)
    return torch.where(usual, torch.exp(b * torch.log(safe)), torch.pow(a, b))


def without_nan(x):
    """Where NaN stands in an order is no convention."""
    if x.is_floating_point() and x.isnan().any():
        raise ValueError("NaN has no place in an order")
    return x


def cumsum(x, axis, exclusive, reverse):
    y = x.flip(axis) if reverse else x
    y = torch.cumsum(y, axis, dtype=y.dtype)
    if exclusive and y.shape[axis] > 0:
        y = torch.cat([torch.zeros_like(y.narrow(axis, 0, 1)), y.narrow(axis, 0, y.shape[axis] - 1)], axis)
    return y.flip(axis) if reverse else y


def layer_norm(x, weight, bias, epsilon):
    if x.isinf().any():
        raise ValueError("statistics of infinities are no convention")
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    if noise is not None:  # the engine takes the difference of E[x^2] and E[x]^2, which rounding moves more
        variance = rounded((x * x).mean(-1, keepdim=True)) - rounded(mean * mean)
    deviation = torch.rsqrt(variance + epsilon)
    return [(x - mean) * deviation * weight + bias, mean, deviation]


def cut(x, axis, start, end, step):
    places = list(range(x.shape[axis]))[start:end:step]
    return x.index_select(axis, torch.tensor(places, dtype=torch.int64))


def pad(x, before, after, value):
    sizes = [size for pair in reversed(list(zip(before, after))) for size in pair]
    return F_nn.pad(x, sizes, value=value)


def gather(x, indices, axis):
    axis %= x.dim()
    flat = x.index_select(axis, indices.reshape(-1).long() % x.shape[axis] if x.shape[axis] else indices.reshape(-1).long())
    return flat.reshape(list(x.shape[:axis]) + list(indices.shape) + list(x.shape[axis + 1 :]))


def scatter_add(indices, rows, size):
    rest = list(rows.shape[indices.dim() :])
    places = indices.reshape(-1).long()
    inside = (places >= 0) & (places < size)
    zeros = torch.zeros([size] + rest, dtype=rows.dtype)
    return zeros.index_add(0, places[inside], rows.reshape([indices.numel()] + rest)[inside])


def take_along(x, indices, axis):
    return torch.gather(x, axis, indices.long() % x.shape[axis] if x.shape[axis] else indices.long())


def put_along(indices, values, axis, size):
    shape = list(values.shape)
    shape[axis] = size
    return torch.zeros(shape, dtype=values.dtype).scatter_add(axis, indices.long(), values)


def one_hot(indices, depth, dtype):
    return (indices.unsqueeze(-1) == torch.arange(depth)).to(dtype)


def top_k(x, k, axis):
    values, places = torch.sort(without_nan(x), dim=axis, descending=True, stable=True)
    return [values.narrow(axis, 0, k), places.narrow(axis, 0, k).int()]


def causal(x):
    queries, keys = x.shape[-2], x.shape[-1]
    hidden = torch.arange(keys)[None, :] > torch.arange(queries)[:, None] + (keys - queries)
    return x + torch.zeros(queries, keys, dtype=x.dtype).masked_fill(hidden, float("-inf"))


def max_pool(x, kernel, stride, padding):
    pool = F_nn.max_pool1d if len(kernel) == 1 else F_nn.max_pool2d
    values, places = pool(without_nan(x), kernel, stride, padding, return_indices=True)
    planes = torch.arange(x.shape[0] * x.shape[1]).reshape([x.shape[0], x.shape[1]] + [1] * len(kernel))
    return [values, places + planes * x[0, 0].numel()]


def scan(step, states, sequences, axis, reverse):
    time = axis % sequences[0].dim()
    slices = list(zip(*[x.unbind(axis % x.dim()) for x in sequences]))
    stacked = []
    for xs in reversed(slices) if reverse else slices:
        before = states
        states, ys = step(states, list(xs))
        for old, new in zip(before, states):
            if old.shape != new.shape:
                raise ValueError("the state changes its shape")
        stacked.append(ys)
    if not stacked:
        raise ValueError("no step, so the outputs have no shape")
    if reverse:
        stacked.reverse()
    return [states, [torch.stack(ys, time) for ys in zip(*stacked)]]


def steps(cell, xs, states, reverse, lengths):
    """Last states, then all outputs [B, T, H]; where a row has ended its states stay and its output is 0."""
    count = xs.shape[1] if lengths is None else lengths.reshape(-1, 1)
    outputs = [None] * xs.shape[1]
    for t in reversed(range(xs.shape[1])) if reverse else range(xs.shape[1]):
        after = cell(xs[:, t], states)
        active = torch.full_like(after[0], t, dtype=torch.int64) < count
        states = [torch.where(active, new, old) for new, old in zip(after, states)]
        outputs[t] = torch.where(active, after[0], torch.zeros_like(after[0]))
    return [*states, torch.stack(outputs, 1)]


def lstm_layer(xs, h, c, weights, reverse=False, lengths=None, forgetBias=0):
    w_ih, w_hh, *biases = weights

    def cell(x, states):
        h, c = states
        i, f, g, o = rounded(F_nn.linear(x, w_ih, sum(biases) if biases else None) + h @ w_hh.mT).chunk(4, 1)
        c = rounded(torch.sigmoid(f + forgetBias) * c + torch.sigmoid(i) * torch.tanh(g))
        return [rounded(torch.sigmoid(o) * torch.tanh(c)), c]

    return steps(cell, xs, [h, c], reverse, lengths)


def gru_layer(xs, h, weights, reverse=False, lengths=None, reset="after"):
    w_ih, w_hh, *biases = weights
    b_ih, b_hh = biases or (None, None)
    H = h.shape[1]

    def cell(x, states):
        (h,) = states
        given = rounded(F_nn.linear(x, w_ih, b_ih))
        kept = rounded(F_nn.linear(h, w_hh, b_hh))
        r, z = torch.sigmoid(given[:, : 2 * H] + kept[:, : 2 * H]).chunk(2, 1)
        again = r * kept[:, 2 * H :] if reset == "after" else F_nn.linear(r * h, w_hh[2 * H :], None if b_hh is None else b_hh[2 * H :])
        n = torch.tanh(given[:, 2 * H :] + again)
        return [rounded((1 - z) * n + z * h)]

    return steps(cell, xs, [h], reverse, lengths)


# Running a program.
TYPES = {"i32": torch.int32, "i64": torch.int64, "bool": torch.bool}
NAMES = {**{dtype: name for name, dtype in TYPES.items()}, torch.float64: "F", torch.float32: "F"}


def weigh(ys):
    """See `weigh` in evaluate.ts."""
    total = None
    for k, y in enumerate(ys):
        if y.is_floating_point():
            weights = ((torch.arange(y.numel()) * 7 + 3 * k) % 11 - 5).to(y.dtype) / 4
            part = (y * weights.reshape(y.shape)).sum()
            total = part if total is None else total + part
    return total


def run(request, code, dtype, seed=None):
    global noise, spoilt
    spoilt = False
    noise = None if seed is None else torch.Generator().manual_seed(seed)
    scope = {**globals(), "F": dtype}
    leaves = {}
    for leaf in request["leaves"]:
        numbers = [float(x) for x in leaf["data"]]
        x = torch.tensor(numbers, dtype=torch.float64).to(TYPES.get(leaf["kind"], dtype)).reshape(leaf["shape"])
        if leaf["kind"] == "F":
            leaves[leaf["name"]] = x.requires_grad_()
        scope[leaf["name"]] = x
    exec(code, scope)
    ys = []
    for name in request["results"]:
        found = [scope[name]]
        while found:
            y = found.pop(0)
            if isinstance(y, (list, tuple)):
                found = list(y) + found
            else:
                ys.append(y)
    values = {f"value_{name}": y.detach() for name, y in zip(request["results"], ys)}
    sources = ys
    for what in ["gradient", "second"][: 0 if spoilt else request["order"]]:
        loss = weigh(sources)
        if loss is None or not loss.requires_grad or not leaves:
            sources = [torch.zeros_like(x) for x in leaves.values()]
            if loss is None:
                break
        else:
            sources = torch.autograd.grad(
                loss, list(leaves.values()), create_graph=True, allow_unused=True, materialize_grads=True
            )
        for name, g in zip(leaves, sources):
            values[f"{what}_{name}"] = torch.zeros(g.shape, dtype=g.dtype) + g.detach()  # zeros may have no storage yet
    return values


def spelled(x):
    flat = x.reshape(-1).tolist()
    return {"type": NAMES[x.dtype], "shape": list(x.shape), "data": [str(int(v) if isinstance(v, bool) else v) for v in flat]}


def moved(y, others):
    """The largest distance of each element from what the other runs gave; NaN where one is not finite alike."""
    most = torch.zeros(y.shape, dtype=torch.float64)
    for other in others:
        a, b = y.to(torch.float64), other.to(torch.float64)
        same = (a == b) | (a.isnan() & b.isnan())
        most = torch.maximum(most, torch.where(same, 0.0, (a - b).abs()))
    return most


def answer(request):
    code = compile(request["code"], "program", "exec")
    exact = run(request, code, torch.float64)
    others = [run(request, code, torch.float64, seed) for seed in range(request["runs"])]
    single = run(request, code, torch.float32)
    shared = [key for key in exact if all(key in other for other in [single, *others])]
    return {
        key: {
            **spelled(y),
            "noise": [str(v) for v in moved(y, [other[key] for other in others]).reshape(-1).tolist()],
            "single": [str(v) for v in moved(y, [single[key]]).reshape(-1).tolist()],
        }
        for key, y in exact.items()
        if key in shared
    }


for line in sys.stdin:
    try:
        print(json.dumps({"kind": "done", "values": answer(json.loads(line))}), flush=True)
    except Exception as error:  # whatever PyTorch refuses
        first = (str(error).strip() or "no message").splitlines()[0]
        print(json.dumps({"kind": "refused", "message": f"{type(error).__name__}: {first}"}), flush=True)
