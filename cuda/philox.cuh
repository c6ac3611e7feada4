// Philox4x32-10 on the stream's counters: STREAM.md, section 1.
#pragma once
#include "words.h"

/// The blocks of one key and one 64-bit counter, one per subsequence. What the counter alone decides in the first two rounds is computed
/// once, two of twenty products among it.
class Philox {
  static constexpr u32 M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

  u32 k0, k1;
  u32 first0, second0, second1, second2;

 public:
  __device__ __forceinline__ Philox(u64 key, u64 counter) : k0(low(key)), k1(high(key)) {
    Product p(M0, low(counter));
    Product q(M1, p.high ^ k1);
    first0 = high(counter) ^ k0;
    second0 = q.high ^ (k0 + W0);
    second1 = q.low;
    second2 = p.low ^ (k1 + W1);
  }

  __device__ __forceinline__ void block(u32 subsequence, u32* words) const {
    Product p(M1, subsequence);
    Product q(M0, p.high ^ first0);
    u32 c0 = p.low ^ second0;
    u32 c2 = q.high ^ second2;
    u32 c1 = second1;
    u32 c3 = q.low;
#pragma unroll
    for (u32 round = 2; round < 10; round++) {
      p = Product(M1, c2);
      q = Product(M0, c0);
      c0 = p.high ^ c1 ^ (k0 + round * W0);
      c2 = q.high ^ c3 ^ (k1 + round * W1);
      c1 = p.low;
      c3 = q.low;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
  }
};
