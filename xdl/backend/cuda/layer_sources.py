"""The CUDA C++ of max pooling and of the LSTM, for REAL float or double."""

POOL = (
    *("n", "channels", "height", "width", "rows", "columns"),
    *("window0", "window1", "stride0", "stride1", "padding0", "padding1", "is_last"),
    *("x0", "x1", "x2", "x3", "w0", "w1", "w2", "w3"),
)
_POOL = "struct Pool { long long " + ", ".join(POOL) + "; };\n"
# The place in images of an element in memory, whichever axis is the last there.
_PLACE = r"""
static __device__ void place(long long i, bool is_last, long long channels,
                             long long height, long long width, long long* at) {
  if (is_last) {
    at[1] = i % channels, i /= channels;
    at[3] = i % width, i /= width;
    at[2] = i % height, at[0] = i / height;
  } else {
    at[3] = i % width, i /= width;
    at[2] = i % height, i /= height;
    at[1] = i % channels, at[0] = i / channels;
  }
}
"""
_MAX_POOL = r"""
extern "C" __global__ void xdl_max_pool(
    const REAL* x, REAL fill, const Pool p, REAL* y, INDEX* winners) {
  long long size = p.n * p.channels * p.rows * p.columns, at[4];
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (; i < size; i += (long long)gridDim.x * blockDim.x) {
    place(i, p.is_last, p.channels, p.rows, p.columns, at);
    const REAL* image = x + at[0] * p.x0 + at[1] * p.x1;
    REAL most = fill;
    long long winner = 0, inside = -1;
    for (long long k = 0; k < p.window0 * p.window1; k++) {
      long long row = at[2] * p.stride0 - p.padding0 + k / p.window1;
      long long column = at[3] * p.stride1 - p.padding1 + k % p.window1;
      bool is_inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
      REAL one = is_inside ? image[row * p.x2 + column * p.x3] : fill;
      if (is_inside && inside < 0) inside = k;
      if (!k || one > most) winner = k;
      if (!k || one > most || one != one) most = one;
    }
    if ((p.padding0 || p.padding1) && most == fill) winner = inside;
    y[i] = most;
    winners[i] = winner;
  }
}
"""
_MAX_UNPOOL = r"""
extern "C" __global__ void xdl_max_unpool(
    const REAL* gy, const INDEX* winners, const Pool p, REAL* gx) {
  long long size = p.n * p.channels * p.height * p.width, at[4];
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (; i < size; i += (long long)gridDim.x * blockDim.x) {
    place(i, p.is_last, p.channels, p.height, p.width, at);
    const REAL* given = gy + at[0] * p.x0 + at[1] * p.x1;
    const INDEX* winner = winners + at[0] * p.w0 + at[1] * p.w1;
    REAL sum = 0;
    for (long long k = 0; k < p.window0 * p.window1; k++) {
      long long row = at[2] + p.padding0 - k / p.window1;
      long long column = at[3] + p.padding1 - k % p.window1;
      if (row < 0 || column < 0 || row % p.stride0 || column % p.stride1) continue;
      row /= p.stride0, column /= p.stride1;
      if (row >= p.rows || column >= p.columns) continue;
      if (winner[row * p.w2 + column * p.w3] == k)
        sum += given[row * p.x2 + column * p.x3];
    }
    gx[i] = sum;
  }
}
"""
# q and z, the projected state and input: the gates i, f, o, and the candidate.
_LSTM = r"""
extern "C" __global__ void xdl_lstm(
    const REAL* q, const REAL* z, long long z0, long long z1, long long z2,
    const REAL* before, long long count, long long width, REAL* h, REAL* c,
    REAL* smooth, REAL* rest, REAL* g, REAL* bent) {
  const REAL most = sizeof(REAL) == 8 ? 709 : 88;
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (; i < count; i += (long long)gridDim.x * blockDim.x) {
    const REAL* from = z + i / width * z1 + i % width * z2;
    REAL gate[3];
    for (int k = 0; k < 3; k++) {
      REAL x = q[k * count + i] + from[k * z0];
      REAL e = exp(x > most ? most : x), more = e + 1;
      smooth[k * count + i] = gate[k] = e / more;
      rest[k * count + i] = 1 / more;
    }
    REAL candidate = tanh(q[3 * count + i] + from[3 * z0]);
    REAL now = gate[1] * before[i] + gate[0] * candidate, curve = tanh(now);
    g[i] = candidate;
    c[i] = now;
    bent[i] = curve;
    h[i] = gate[2] * curve;
  }
}
"""
_LSTM_GRADIENT = r"""
extern "C" __global__ void xdl_lstm_gradient(
    const REAL* gh, const REAL* gc, const REAL* smooth, const REAL* rest,
    const REAL* g, const REAL* bent, const REAL* before, long long count, REAL* gz,
    REAL* gbefore) {
  long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (; k < count; k += (long long)gridDim.x * blockDim.x) {
    REAL i = smooth[k], f = smooth[count + k], o = smooth[2 * count + k];
    REAL curve = bent[k], candidate = g[k];
    REAL slope = gc[k] + gh[k] * o * (1 - curve * curve);
    gz[k] = slope * candidate * (i * rest[k]);
    gz[count + k] = slope * before[k] * (f * rest[count + k]);
    gz[2 * count + k] = gh[k] * curve * (o * rest[2 * count + k]);
    gz[3 * count + k] = slope * i * (1 - candidate * candidate);
    gbefore[k] = slope * f;
  }
}
"""
RAW = {
    "max_pool": _POOL + _PLACE + _MAX_POOL,
    "max_unpool": _POOL + _PLACE + _MAX_UNPOOL,
    "lstm": _LSTM,
    "lstm_gradient": _LSTM_GRADIENT,
}
