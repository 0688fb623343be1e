/* Fused multiply-adds on registers alone: the most a core can do. Returns the floating-point operations done.
   Twelve chains hide the latency of one another (4 cycles, 2 units, so 8 would do). */
#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#define CHAINS 12

typedef float vector __attribute__((vector_size(4 * LANES)));

double fma_loop(long iterations) {
  vector a[CHAINS], b = {0}, c = {0};
  b += 0.999999f;
  c += 0.000001f;
  for (int i = 0; i < CHAINS; i++) a[i] = b * (float)(i + 1);
  for (long n = 0; n < iterations; n++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) a[i] = a[i] * b + c;
  }
  vector sum = {0};
  for (int i = 0; i < CHAINS; i++) sum += a[i];
  volatile float keep = sum[0];
  (void)keep;
  return 2.0 * LANES * CHAINS * (double)iterations;
}
