// The closed set of instructions that compute: each is one entry of a table, under the name that PTX gives it.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ptx.h"

namespace emulator {

struct Operation {
  Compute compute;
  Kind destination;
  std::vector<Kind> sources;
};

using Operations = std::unordered_map<std::string, Operation>;

// Conversions are found under their name and the widths of both registers: "cvt.u32.u8 32 16".
const Operations& operations();

void addConversions(Operations& table);

// PTX's types: the host's type, how registers of it may be used, the name.
struct P { using Host = uint8_t; static constexpr Kind kind{8, 'p'}; static constexpr const char* name = "pred"; };
struct U8 { using Host = uint8_t; static constexpr Kind kind{8, 'i'}; static constexpr const char* name = "u8"; };
struct S8 { using Host = int8_t; static constexpr Kind kind{8, 'i'}; static constexpr const char* name = "s8"; };
struct B16 { using Host = uint16_t; static constexpr Kind kind{16, 'b'}; static constexpr const char* name = "b16"; };
struct U16 { using Host = uint16_t; static constexpr Kind kind{16, 'i'}; static constexpr const char* name = "u16"; };
struct S16 { using Host = int16_t; static constexpr Kind kind{16, 'i'}; static constexpr const char* name = "s16"; };
struct B32 { using Host = uint32_t; static constexpr Kind kind{32, 'b'}; static constexpr const char* name = "b32"; };
struct U32 { using Host = uint32_t; static constexpr Kind kind{32, 'i'}; static constexpr const char* name = "u32"; };
struct S32 { using Host = int32_t; static constexpr Kind kind{32, 'i'}; static constexpr const char* name = "s32"; };
struct B64 { using Host = uint64_t; static constexpr Kind kind{64, 'b'}; static constexpr const char* name = "b64"; };
struct U64 { using Host = uint64_t; static constexpr Kind kind{64, 'i'}; static constexpr const char* name = "u64"; };
struct S64 { using Host = int64_t; static constexpr Kind kind{64, 'i'}; static constexpr const char* name = "s64"; };
struct F32 { using Host = float; static constexpr Kind kind{32, 'f'}; static constexpr const char* name = "f32"; };
struct F64 { using Host = double; static constexpr Kind kind{64, 'f'}; static constexpr const char* name = "f64"; };

template <class... Types, class Body>
void forEach(Body body) {
  (body(Types{}), ...);
}

// The loop of every instruction. A destination may be one of the sources, but then in the same place and of the same width.
template <class Operation, class D, class... S, size_t... K>
inline void runLanes(char* registers, const uint32_t* operands, std::index_sequence<K...>) {
  auto run = [](D* d, const S*... s) {
#pragma GCC ivdep
    for (int i = 0; i < LANES; i++) {
      d[i] = static_cast<D>(Operation::of(s[i]...));
    }
  };
  run(reinterpret_cast<D*>(registers + operands[0]), reinterpret_cast<const S*>(registers + operands[K + 1])...);
}

template <class Operation, class D, class... S>
void lanes(char* registers, const uint32_t* operands) {
  runLanes<Operation, D, S...>(registers, operands, std::make_index_sequence<sizeof...(S)>());
}

// Adds an instruction whose destination and sources have these types.
template <class Op, class D, class... S>
void add(Operations& table, const std::string& name) {
  table[name] = {lanes<Op, typename D::Host, typename S::Host...>, D::kind, {S::kind...}};
}

}  // namespace emulator
