// One body for every law and type. It goes by groups of four elements, which share a subsequence of the stream: from a multiple of four on.
#pragma once
#include "laws.cuh"
#include "memory.cuh"
#include "philox.cuh"

/// Makes groups of one counter, which has 65536 of them: one for each subsequence.
template <typename L>
class Groups {
  const L& law;
  Philox first, second;  // binary64 has two blocks per group, of counters next to each other

 public:
  __device__ __forceinline__ Groups(const L& law, u64 key, u64 counter)
      : law(law), first(key, L::BLOCKS == 2 ? counter * 2 : counter), second(key, counter * 2 + 1) {}

  __device__ __forceinline__ void values(u32 subsequence, typename L::Real* values) const {
    u32 words[4 * 2];
    if (L::BLOCKS > 0) {
      first.block(subsequence, words);
    }
    if (L::BLOCKS > 1) {
      second.block(subsequence, words + 4);
    }
    law.four(words, values);
  }

  template <typename D>
  __device__ __forceinline__ typename D::Four codes(u32 subsequence) const {
    typename L::Real four[4];
    values(subsequence, four);
    return codesOf<D>(four);
  }
};

/// What a block of threads makes at a time: groups that fill `STORES` stores of 16 bytes or more per thread, at a distance that lets
/// neighbouring threads write neighbouring places. A tile begins at a multiple of its length, so all of it has one counter.
template <typename D>
struct Tile {
  static constexpr u32 GROUPS = sizeof(typename D::Four) < 16 ? 16 / sizeof(typename D::Four) : 1;  // of a store
  static constexpr u32 STORES = sizeof(typename D::Four) == 32 ? 1 : 4 / GROUPS;
  static constexpr u32 DISTANCE = GROUPS * THREADS;
  static constexpr u32 ALL_GROUPS = DISTANCE * STORES;
};

/// The middle of a contiguous run, in whole tiles.
template <typename L, typename D>
__device__ __forceinline__ void fillTiles(const L& law, u64 key, u8* out, u64 start, u64 tiles) {
  using T = Tile<D>;
  constexpr u64 BYTES = 4 * sizeof(typename D::Stored);
  u32 mine = thread() * T::GROUPS;
  for (u64 tile = block(); tile < tiles; tile += blocks()) {
    u64 group = start / 4 + tile * T::ALL_GROUPS;
    Groups<L> groups(law, key, group >> 16);
    u32 first = (static_cast<u32>(group) & 0xffff) + mine;
    u8* place = out + tile * (T::ALL_GROUPS * BYTES) + mine * BYTES;
#pragma unroll
    for (u32 i = 0; i < T::STORES; i++) {
      u32 subsequence = first + i * T::DISTANCE;
      void* to = place + i * (T::DISTANCE * BYTES);
      if constexpr (T::GROUPS == 1) {
        *static_cast<typename D::Four*>(to) = groups.template codes<D>(subsequence);
      } else if constexpr (T::GROUPS == 2) {
        u32x2 lower = groups.template codes<D>(subsequence);
        u32x2 upper = groups.template codes<D>(subsequence + 1);
        *static_cast<u32x4*>(to) = u32x4{lower[0], lower[1], upper[0], upper[1]};
      } else {
        *static_cast<u32x4*>(to) = u32x4{groups.template codes<D>(subsequence), groups.template codes<D>(subsequence + 1),
                                         groups.template codes<D>(subsequence + 2), groups.template codes<D>(subsequence + 3)};
      }
    }
  }
}

/// What tiles leave of one run, or all of several: a group at a time, in one store if it is whole and aligned, else element by element.
///
/// @param head  the groups before the tiles
/// @param tiled the groups that tiles have made; 0 where there are several runs
template <typename L, typename D>
__device__ __forceinline__ void fillRuns(const L& law, u64 key, u8* out, u64 count, u64 start, u64 run, u64 stride, u64 head, u64 tiled) {
  constexpr s64 BYTES = sizeof(typename D::Stored);
  u64 longest = run < count ? run : count;
  u64 runs = run < count ? (count - 1) / run + 1 : 1;
  u64 slots = longest / 4 + 2 - tiled;  // groups that a run can touch
  for (u64 slot = firstItem(); slot < runs * slots; slot += items()) {
    u64 number = 0;
    u64 index = slot;
    if (runs > 1) {
      number = slot / slots;
      index = slot % slots;
    } else if (slot >= head) {
      index = slot + tiled;
    }
    u64 begin = start + number * stride;
    u64 group = begin / 4 + index;
    s64 offset = static_cast<s64>(group * 4 - begin);  // in its run
    u64 left = count - number * run;
    s64 rest = static_cast<s64>(left < longest ? left : longest) - offset;
    s32 first = offset < 0 ? static_cast<s32>(-offset) : 0;
    s32 last = rest < 4 ? static_cast<s32>(rest) : 4;
    if (rest > 0 && first < last) {
      typename L::Real values[4];
      Groups<L>(law, key, group >> 16).values(static_cast<u32>(group) & 0xffff, values);
      u8* place = out + (static_cast<s64>(number * run) + offset) * BYTES;
      if (last - first == 4 && aligned(place, 4 * BYTES)) {
        *reinterpret_cast<typename D::Four*>(place) = codesOf<D>(values);
      } else {
        // Not unrolled, so values move up: a register has no index.
#pragma unroll 1
        for (s32 i = 0; i < last; i++) {
          if (i >= first) {
            store<D>(place, D::code(values[0]));
          }
          place += BYTES;
          values[0] = values[1];
          values[1] = values[2];
          values[2] = values[3];
        }
      }
    }
  }
}

/// Place p of `out` becomes element `start + p / run * stride + p % run`.
template <template <typename> class L, typename D>
__device__ __forceinline__ void fill(u8* out, u64 count, u64 start, u64 run, u64 stride, u64 key, const Law& parameters) {
  using Of = L<typename D::Float>;
  Of law(parameters);
  constexpr u64 TILE = 4 * Tile<D>::ALL_GROUPS;
  u64 untilTile = -start % TILE;
  u64 tiles = 0;
  u8* firstTile = out + untilTile * sizeof(typename D::Stored);
  if (run >= count && untilTile <= count && aligned(firstTile, 16)) {
    tiles = (count - untilTile) / TILE;
    fillTiles<Of, D>(law, key, firstTile, start + untilTile, tiles);
  }
  fillRuns<Of, D>(law, key, out, count, start, run, stride, (untilTile + 3) / 4, tiles * Tile<D>::ALL_GROUPS);
}
