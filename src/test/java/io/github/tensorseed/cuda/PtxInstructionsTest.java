package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/// Each instruction of the emulated driver against Java's own arithmetic, on all combinations of edge values and on random bits.
class PtxInstructionsTest {
  private static final int RANDOM = 512;
  private static final int BLOCK = 64;
  private static final String HEADER = PtxBench.HEADER.replace("sm_70", "sm_80");

  private static final long[] FLOATS = bits(0f, -0f, 1f, -1f, 0.1f, -2.5f, 3.5f, 65520f, 0x1p-24f, 0x1p-25f, 6e-8f,
      Float.MIN_VALUE, -Float.MIN_NORMAL, Float.MAX_VALUE, 0x1p31f, -0x1p31f, 0x1p32f, 0x1p63f, 0x1p64f,
      Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN);
  private static final long[] DOUBLES = bits(0d, -0d, 1d, -1d, 0.1d, -2.5d, 3.5d, 1e-40, 0x1.fffffefp127,
      Double.MIN_VALUE, -Double.MIN_NORMAL, Double.MAX_VALUE, 0x1p31, -0x1p31, 0x1p32, 0x1p63, -0x1p63, 0x1p64,
      Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN);
  private static final long[] INTEGERS = {0, 1, 2, 7, -1, -2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 0x7fffffffL, 0x80000000L,
      0xffffffffL, 0x100000000L, Long.MAX_VALUE, Long.MIN_VALUE};
  private static final long[] AMOUNTS = {0, 1, 5, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 259, 0xffffffffL};

  /// The bits of the result for the bits of the sources, zero-extended.
  private interface Law {
    long of(long... source);
  }

  private final PtxBench bench = new PtxBench("eager");

  @Test
  void floatArithmetic() {
    check("add.rn.f32", "f32", law((a, b, _) -> a + b), "f32", "f32");
    check("sub.rn.f32", "f32", law((a, b, _) -> a - b), "f32", "f32");
    check("mul.rn.f32", "f32", law((a, b, _) -> a * b), "f32", "f32");
    check("div.rn.f32", "f32", law((a, b, _) -> a / b), "f32", "f32");
    check("fma.rn.f32", "f32", law(Math::fma), "f32", "f32", "f32");
    check("sqrt.rn.f32", "f32", law((a, _, _) -> (float) Math.sqrt(a)), "f32");
    check("rcp.rn.f32", "f32", law((a, _, _) -> 1 / a), "f32");
    check("neg.f32", "f32", s -> s[0] ^ 0x80000000L, "f32");
    check("abs.f32", "f32", s -> s[0] & 0x7fffffffL, "f32");
    check("min.f32", "f32", law((a, b, _) -> Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.min(a, b)), "f32", "f32");
    check("min.NaN.f32", "f32", law((a, b, _) -> Math.min(a, b)), "f32", "f32");
    check("max.NaN.f32", "f32", law((a, b, _) -> Math.max(a, b)), "f32", "f32");
    check("max.f32", "f32", law((a, b, _) -> Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.max(a, b)), "f32", "f32");
  }

  @Test
  void doubleArithmetic() {
    check("add.rn.f64", "f64", law64((a, b, _) -> a + b), "f64", "f64");
    check("sub.rn.f64", "f64", law64((a, b, _) -> a - b), "f64", "f64");
    check("mul.rn.f64", "f64", law64((a, b, _) -> a * b), "f64", "f64");
    check("div.rn.f64", "f64", law64((a, b, _) -> a / b), "f64", "f64");
    check("fma.rn.f64", "f64", law64(Math::fma), "f64", "f64", "f64");
    check("sqrt.rn.f64", "f64", law64((a, _, _) -> Math.sqrt(a)), "f64");
    check("rcp.rn.f64", "f64", law64((a, _, _) -> 1 / a), "f64");
    check("neg.f64", "f64", s -> s[0] ^ Long.MIN_VALUE, "f64");
    check("abs.f64", "f64", s -> s[0] & Long.MAX_VALUE, "f64");
    check("min.f64", "f64", law64((a, b, _) -> Double.isNaN(a) ? b : Double.isNaN(b) ? a : Math.min(a, b)), "f64", "f64");
    check("max.f64", "f64", law64((a, b, _) -> Double.isNaN(a) ? b : Double.isNaN(b) ? a : Math.max(a, b)), "f64", "f64");
  }

  @Test
  void integerArithmetic() {
    for (int bits : new int[] {16, 32, 64}) {
      String b = "b" + bits;
      for (String sign : List.of("u", "s")) {
        boolean signed = sign.equals("s");
        String type = "." + sign + bits;
        check("add" + type, b, s -> s[0] + s[1], b, b);
        check("sub" + type, b, s -> s[0] - s[1], b, b);
        check("mul.lo" + type, b, s -> s[0] * s[1], b, b);
        check("mad.lo" + type, b, s -> s[0] * s[1] + s[2], b, b, b);
        check("mul.hi" + type, b, s -> high(s[0], s[1], bits, signed), b, b);
        check("mad.hi" + type, b, s -> high(s[0], s[1], bits, signed) + s[2], b, b, b);
        check("min" + type, b, s -> compare(s[0], s[1], bits, signed) < 0 ? s[0] : s[1], b, b);
        check("max" + type, b, s -> compare(s[0], s[1], bits, signed) > 0 ? s[0] : s[1], b, b);
        // Of a division by zero PTX says nothing; GPUs give all ones, and the dividend as remainder.
        check("div" + type, b, s -> s[1] == 0 ? -1 : number(s[0], bits, signed).divide(number(s[1], bits, signed)).longValue(), b, b);
        check("rem" + type, b, s -> s[1] == 0 ? s[0] : number(s[0], bits, signed).remainder(number(s[1], bits, signed)).longValue(), b, b);
      }
      check("neg.s" + bits, b, s -> -s[0], b);
      check("abs.s" + bits, b, s -> number(s[0], bits, true).abs().longValue(), b);
    }
    for (int bits : new int[] {16, 32}) {
      for (String sign : List.of("u", "s")) {
        boolean signed = sign.equals("s");
        String b = "b" + bits;
        check("mul.wide." + sign + bits, "b" + 2 * bits, s -> product(s[0], s[1], bits, signed).longValue(), b, b);
        check("mad.wide." + sign + bits, "b" + 2 * bits, s -> product(s[0], s[1], bits, signed).longValue() + s[2], b, b, "b" + 2 * bits);
      }
    }
  }

  @Test
  void bits() {
    for (int bits : new int[] {16, 32, 64}) {
      String b = "b" + bits;
      check("and." + b, b, s -> s[0] & s[1], b, b);
      check("or." + b, b, s -> s[0] | s[1], b, b);
      check("xor." + b, b, s -> s[0] ^ s[1], b, b);
      check("not." + b, b, s -> ~s[0], b);
      check("shl." + b, b, s -> number(s[0], bits, false).shiftLeft(amount(s[1])).longValue(), b, "amount");
      check("shr.u" + bits, b, s -> number(s[0], bits, false).shiftRight(amount(s[1])).longValue(), b, "amount");
      check("shr.b" + bits, b, s -> number(s[0], bits, false).shiftRight(amount(s[1])).longValue(), b, "amount");
      check("shr.s" + bits, b, s -> number(s[0], bits, true).shiftRight(amount(s[1])).longValue(), b, "amount");
    }
    for (int bits : new int[] {32, 64}) {
      String b = "b" + bits;
      check("bfe.u" + bits, b, s -> field(s, bits, false), b, "amount", "amount");
      check("bfe.s" + bits, b, s -> field(s, bits, true), b, "amount", "amount");
      check("bfi." + b, b, s -> {
        BigInteger mask = BigInteger.ONE.shiftLeft((int) s[3] & 0xff).subtract(BigInteger.ONE).shiftLeft((int) s[2] & 0xff);
        return number(s[0], bits, false).shiftLeft((int) s[2] & 0xff).and(mask).or(number(s[1], bits, false).andNot(mask)).longValue();
      }, b, b, "amount", "amount");
      check("popc." + b, "b32", s -> Long.bitCount(s[0]), b);
      check("clz." + b, "b32", s -> Long.numberOfLeadingZeros(s[0]) - (64 - bits), b);
      check("brev." + b, b, s -> Long.reverse(s[0]) >>> (64 - bits), b);
    }
    check("prmt.b32", "b32", s -> {
      long bytes = s[1] << 32 | s[0];
      long result = 0;
      for (int i = 0; i < 4; i++) {
        long select = s[2] >> 4 * i;
        byte chosen = (byte) (bytes >> 8 * (select & 7));
        result |= ((select & 8) == 0 ? chosen & 0xffL : chosen >> 7 & 0xffL) << 8 * i;
      }
      return result;
    }, "b32", "b32", "b32");
    check("shf.l.wrap.b32", "b32", s -> (s[1] << 32 | s[0]) << (s[2] & 31) >>> 32, "b32", "b32", "amount");
    check("shf.r.wrap.b32", "b32", s -> (s[1] << 32 | s[0]) >>> (s[2] & 31), "b32", "b32", "amount");
    check("shf.l.clamp.b32", "b32", s -> s[2] >= 32 ? s[0] : (s[1] << 32 | s[0]) << s[2] >>> 32, "b32", "b32", "amount");
    check("shf.r.clamp.b32", "b32", s -> s[2] >= 32 ? s[1] : (s[1] << 32 | s[0]) >>> s[2], "b32", "b32", "amount");
    checkText("lop3.b32", "lop3.b32 %r0, %r1, %r2, %r3, 0x96;", "b32", s -> s[0] ^ s[1] ^ s[2], "b32", "b32", "b32");
    checkText("lop3.b32", "lop3.b32 %r0, %r1, %r2, %r3, 0xca;", "b32", s -> s[0] & s[1] | ~s[0] & s[2], "b32", "b32", "b32");
  }

  @Test
  void predicatesAndMoves() {
    check("and.pred", "pred", s -> s[0] & s[1], "pred", "pred");
    check("or.pred", "pred", s -> s[0] | s[1], "pred", "pred");
    check("xor.pred", "pred", s -> s[0] ^ s[1], "pred", "pred");
    check("not.pred", "pred", s -> s[0] ^ 1, "pred");
    check("mov.pred", "pred", s -> s[0], "pred");
    for (String type : List.of("b16", "b32", "b64", "f32", "f64")) {
      check("selp." + type, type, s -> s[2] != 0 ? s[0] : s[1], type, type, "pred");
      check("mov." + type, type, s -> s[0], type);
    }
    check("cvta.to.global.u64", "b64", s -> s[0], "b64");
    checkText("pack", "mov.b32 %r0, {%rs1, %rs2};", "b32", s -> s[1] << 16 | s[0], "b16", "b16");
    checkText("pack", "mov.b64 %rd0, {%r1, %r2};", "b64", s -> s[1] << 32 | s[0], "b32", "b32");
    checkText("unpack", "mov.b64 {%r6, %r0}, %rd1;", "b32", s -> s[0] >>> 32, "b64");
    checkText("unpack", "mov.b64 {%r0, %r6}, %rd1;", "b32", s -> s[0], "b64");
    checkText("unpack", "mov.b32 {%rs6, %rs0}, %r1;", "b16", s -> s[0] >>> 16, "b32");
    checkText("pack", "mov.b64 {%rs1, %rs2, %rs3, %rs4}, %rd1; mov.b64 %rd0, {%rs4, %rs3, %rs2, %rs1};", "b64",
        s -> s[0] >>> 48 | s[0] << 48 | s[0] >>> 16 & 0xffff0000L | s[0] << 16 & 0xffff00000000L, "b64");
    checkText("literals", "mov.f32 %f0, 0f3FC00000;", "f32", _ -> Float.floatToIntBits(1.5f), "b32");
    checkText("literals", "mov.f64 %fd0, 0dBFF8000000000000;", "f64", _ -> Double.doubleToLongBits(-1.5), "b32");
    checkText("literals", "add.s64 %rd0, %rd1, -8;", "b64", s -> s[0] - 8, "b64");
    checkText("literals", "xor.b32 %r0, %r1, -766435501;", "b32", s -> s[0] ^ 0xd2511f53L, "b32");
  }

  @Test
  void comparisons() {
    for (int bits : new int[] {16, 32, 64}) {
      for (String sign : List.of("u", "s")) {
        boolean signed = sign.equals("s");
        comparison("eq", sign + bits, bits, signed, c -> c == 0);
        comparison("ne", sign + bits, bits, signed, c -> c != 0);
        comparison("lt", sign + bits, bits, signed, c -> c < 0);
        comparison("le", sign + bits, bits, signed, c -> c <= 0);
        comparison("gt", sign + bits, bits, signed, c -> c > 0);
        comparison("ge", sign + bits, bits, signed, c -> c >= 0);
      }
      comparison("lo", "u" + bits, bits, false, c -> c < 0);
      comparison("ls", "u" + bits, bits, false, c -> c <= 0);
      comparison("hi", "u" + bits, bits, false, c -> c > 0);
      comparison("hs", "u" + bits, bits, false, c -> c >= 0);
      comparison("eq", "b" + bits, bits, false, c -> c == 0);
      comparison("ne", "b" + bits, bits, false, c -> c != 0);
    }
    for (String type : List.of("f32", "f64")) {
      floatComparison("eq", type, (a, b) -> a == b);
      floatComparison("ne", type, (a, b) -> a < b || a > b);
      floatComparison("lt", type, (a, b) -> a < b);
      floatComparison("le", type, (a, b) -> a <= b);
      floatComparison("gt", type, (a, b) -> a > b);
      floatComparison("ge", type, (a, b) -> a >= b);
      floatComparison("equ", type, (a, b) -> !(a < b || a > b));
      floatComparison("neu", type, (a, b) -> a != b);
      floatComparison("ltu", type, (a, b) -> !(a >= b));
      floatComparison("leu", type, (a, b) -> !(a > b));
      floatComparison("gtu", type, (a, b) -> !(a <= b));
      floatComparison("geu", type, (a, b) -> !(a < b));
      floatComparison("num", type, (a, b) -> !Double.isNaN(a) && !Double.isNaN(b));
      floatComparison("nan", type, (a, b) -> Double.isNaN(a) || Double.isNaN(b));
    }
  }

  @Test
  void integerConversions() {
    check("cvt.u64.u32", "b64", s -> s[0], "b32");
    check("cvt.s64.s32", "b64", s -> (int) s[0], "b32");
    check("cvt.u32.u64", "b32", s -> s[0], "b64");
    check("cvt.u16.u32", "b16", s -> s[0], "b32");
    check("cvt.u16.u64", "b16", s -> s[0], "b64");
    check("cvt.u32.u16", "b32", s -> s[0], "b16");
    check("cvt.s32.s16", "b32", s -> (short) s[0], "b16");
    check("cvt.s64.s16", "b64", s -> (short) s[0], "b16");
    check("cvt.s32.s8", "b32", s -> (byte) s[0], "b32");
    check("cvt.u32.u8", "b32", s -> s[0] & 0xff, "b16");
    check("cvt.s16.s8", "b16", s -> (byte) s[0], "b16");
    check("cvt.s64.s8", "b64", s -> (byte) s[0], "b64");
    check("cvt.u8.u32", "b16", s -> s[0] & 0xff, "b32");
  }

  @Test
  void floatConversions() {
    check("cvt.rn.f32.u32", "f32", s -> floatBits((float) s[0]), "b32");
    check("cvt.rn.f32.s32", "f32", s -> floatBits((float) (int) s[0]), "b32");
    check("cvt.rn.f32.s64", "f32", s -> floatBits((float) s[0]), "b64");
    check("cvt.rn.f32.u64", "f32", s -> floatBits(number(s[0], 64, false).floatValue()), "b64");
    check("cvt.rn.f32.u16", "f32", s -> floatBits((float) s[0]), "b16");
    check("cvt.rn.f32.s8", "f32", s -> floatBits((byte) s[0]), "b16");
    check("cvt.rn.f64.u32", "f64", s -> Double.doubleToRawLongBits((double) s[0]), "b32");
    check("cvt.rn.f64.s32", "f64", s -> Double.doubleToRawLongBits((int) s[0]), "b32");
    check("cvt.rn.f64.s64", "f64", s -> Double.doubleToRawLongBits((double) s[0]), "b64");
    check("cvt.rn.f64.u64", "f64", s -> Double.doubleToRawLongBits(number(s[0], 64, false).doubleValue()), "b64");
    check("cvt.rn.f32.f64", "f32", s -> floatBits((float) Double.longBitsToDouble(s[0])), "f64");
    check("cvt.f64.f32", "f64", s -> Double.doubleToLongBits(Float.intBitsToFloat((int) s[0])), "f32");
    check("cvt.rn.f16.f32", "b16", s -> nan(s[0], 0x7f800000L) ? 0x7fff : Float.floatToFloat16(Float.intBitsToFloat((int) s[0])), "f32");
    check("cvt.rn.bf16.f32", "b16", s -> bfloat(s[0]), "f32");
    check("cvt.rn.bf16x2.f32", "b32", s -> bfloat(s[0]) << 16 | bfloat(s[1]), "f32", "f32");
    check("cvt.f32.f16", "f32", s -> floatBits(Float.float16ToFloat((short) s[0])), "b16");
    check("cvt.rzi.s32.f32", "b32", s -> (int) Float.intBitsToFloat((int) s[0]), "f32");
    check("cvt.rzi.u32.f32", "b32", s -> saturated(Float.intBitsToFloat((int) s[0]), 32), "f32");
    check("cvt.rni.s32.f32", "b32", s -> (int) Math.rint(Float.intBitsToFloat((int) s[0])), "f32");
    check("cvt.rmi.s32.f32", "b32", s -> (int) Math.floor(Float.intBitsToFloat((int) s[0])), "f32");
    check("cvt.rpi.s32.f32", "b32", s -> (int) Math.ceil(Float.intBitsToFloat((int) s[0])), "f32");
    check("cvt.rzi.s64.f64", "b64", s -> nan(s[0], 0x7ffL << 52) ? Long.MIN_VALUE : (long) Double.longBitsToDouble(s[0]), "f64");
    check("cvt.rzi.u64.f64", "b64", s -> nan(s[0], 0x7ffL << 52) ? Long.MIN_VALUE : saturated(Double.longBitsToDouble(s[0]), 64), "f64");
    check("cvt.rni.f32.f32", "f32", s -> floatBits((float) Math.rint(Float.intBitsToFloat((int) s[0]))), "f32");
    check("cvt.rmi.f64.f64", "f64", s -> Double.doubleToLongBits(Math.floor(Double.longBitsToDouble(s[0]))), "f64");
  }

  /// Nearest even, by way of the neighbours; exact for every value but NaN, which has one code.
  private static int bfloat(long bits) {
    if (nan(bits, 0x7f800000L)) {
      return 0x7fff;
    }
    int below = (int) bits >>> 16;
    int dropped = (int) bits & 0xffff;
    return dropped > 0x8000 || dropped == 0x8000 && below % 2 == 1 ? below + 1 : below;
  }

  private void comparison(String name, String type, int bits, boolean signed, Function<Integer, Boolean> holds) {
    check("setp." + name + "." + type, "pred", s -> holds.apply(compare(s[0], s[1], bits, signed)) ? 1 : 0, "b" + bits, "b" + bits);
  }

  private interface Relation {
    boolean holds(double a, double b);
  }

  private void floatComparison(String name, String type, Relation relation) {
    check("setp." + name + "." + type, "pred", s -> relation.holds(real(s[0], type), real(s[1], type)) ? 1 : 0, type, type);
  }

  private static double real(long bits, String type) {
    return type.equals("f32") ? Float.intBitsToFloat((int) bits) : Double.longBitsToDouble(bits);
  }

  private void check(String instruction, String result, Law law, String... sources) {
    StringBuilder text = new StringBuilder(instruction + " " + register(result, 0));
    for (int i = 0; i < sources.length; i++) {
      text.append(", ").append(register(sources[i], i + 1));
    }
    checkText(instruction, text + ";", result, law, sources);
  }

  private void checkText(String name, String text, String result, Law law, String... sources) {
    List<long[]> rows = rows(sources);
    StringBuilder ptx = new StringBuilder(HEADER + ".visible .entry k(.param .u64 out");
    long[] parameters = new long[sources.length + 1];
    parameters[0] = bench.allocate((long) rows.size() * bytes(result));
    for (int i = 0; i < sources.length; i++) {
      ptx.append(", .param .u64 in").append(i);
      int column = i;
      parameters[i + 1] = bench.upload(rows.stream().mapToLong(row -> row[column]).toArray(), bytes(sources[i]));
    }
    ptx.append("""
        ) {
        .reg .pred %p<8>; .reg .b16 %rs<8>; .reg .b32 %r<8>; .reg .f32 %f<8>; .reg .b64 %rd<16>; .reg .f64 %fd<8>;
        mov.u32 %r5, %ctaid.x; mov.u32 %r6, %ntid.x; mov.u32 %r7, %tid.x; mad.lo.s32 %r7, %r5, %r6, %r7;
        """);
    for (int i = 0; i < sources.length; i++) {
      ptx.append(address("in" + i, bytes(sources[i])));
      boolean predicate = sources[i].equals("pred");
      String loaded = predicate ? "%rs7" : register(sources[i], i + 1);
      ptx.append("ld.global.").append(stored(sources[i])).append(' ').append(loaded).append(", [%rd9];\n");
      if (predicate) {
        ptx.append("setp.ne.s16 %p" + (i + 1) + ", %rs7, 0;\n");
      }
    }
    ptx.append(text).append('\n').append(address("out", bytes(result)));
    if (result.equals("pred")) {
      ptx.append("selp.u16 %rs0, 1, 0, %p0;\n");
    }
    String stored = result.equals("pred") ? "%rs0" : register(result, 0);
    ptx.append("st.global.").append(stored(result)).append(" [%rd9], ").append(stored).append(";\nret;\n}\n");

    assertThat(bench.launch(ptx.toString(), rows.size() / BLOCK, BLOCK, parameters)).isZero();
    long[] found = bench.download(parameters[0], rows.size(), bytes(result));
    for (int i = 0; i < found.length; i++) {
      long expected = law.of(rows.get(i)) & -1L >>> (64 - 8 * bytes(result));
      if (found[i] != expected && !(result.equals("f64") && nan(found[i], 0x7ffL << 52) && nan(expected, 0x7ffL << 52))) {
        throw new AssertionError(name + " of " + hex(rows.get(i)) + ": " + hex(found[i]) + ", Java says " + hex(expected));
      }
    }
    for (long address : parameters) {
      bench.check("cuMemFree_v2", address);
    }
  }

  private static String address(String parameter, int bytes) {
    return "ld.param.u64 %rd8, [" + parameter + "]; mul.wide.u32 %rd9, %r7, " + bytes + "; add.s64 %rd9, %rd9, %rd8;\n";
  }

  private static String register(String type, int number) {
    return switch (type) {
      case "pred" -> "%p";
      case "b16" -> "%rs";
      case "b32", "amount" -> "%r";
      case "b64" -> "%rd";
      case "f32" -> "%f";
      default -> "%fd";
    } + number;
  }

  private static String stored(String type) {
    return type.equals("pred") ? "u16" : type.equals("amount") ? "b32" : type;
  }

  private static int bytes(String type) {
    return switch (type) {
      case "pred", "b16" -> 2;
      case "b32", "amount", "f32" -> 4;
      default -> 8;
    };
  }

  /// All combinations of edge values, then random bits, as many as fill blocks.
  private static List<long[]> rows(String... sources) {
    List<long[]> rows = new ArrayList<>(List.of(new long[0]));
    for (String source : sources) {
      List<long[]> longer = new ArrayList<>();
      for (long[] row : rows) {
        for (long edge : edges(source)) {
          long[] next = Arrays.copyOf(row, row.length + 1);
          next[row.length] = edge & mask(source);
          longer.add(next);
        }
      }
      rows = longer;
    }
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < RANDOM || rows.size() % BLOCK != 0; i++) {
      rows.add(Arrays.stream(sources).mapToLong(source -> random.nextLong() & mask(source)).toArray());
    }
    return rows;
  }

  private static long mask(String type) {
    return type.equals("pred") ? 1 : -1L >>> (64 - 8 * bytes(type));
  }

  private static long[] edges(String type) {
    return switch (type) {
      case "pred" -> new long[] {0, 1};
      case "amount" -> AMOUNTS;
      case "f32" -> FLOATS;
      case "f64" -> DOUBLES;
      default -> INTEGERS;
    };
  }

  private interface FloatLaw {
    float of(float a, float b, float c);
  }

  private interface DoubleLaw {
    double of(double a, double b, double c);
  }

  private static Law law(FloatLaw law) {
    return s -> floatBits(law.of(Float.intBitsToFloat((int) s[0]), Float.intBitsToFloat(s.length > 1 ? (int) s[1] : 0),
        Float.intBitsToFloat(s.length > 2 ? (int) s[2] : 0)));
  }

  private static Law law64(DoubleLaw law) {
    return s -> Double.doubleToRawLongBits(law.of(Double.longBitsToDouble(s[0]), Double.longBitsToDouble(s.length > 1 ? s[1] : 0),
        Double.longBitsToDouble(s.length > 2 ? s[2] : 0)));
  }

  /// A GPU's only NaN of binary32 is 0x7fffffff.
  private static long floatBits(float value) {
    return Float.isNaN(value) ? 0x7fffffffL : Float.floatToRawIntBits(value) & 0xffffffffL;
  }

  private static boolean nan(long bits, long infinity) {
    return (bits & (infinity < 0x80000000L ? 0x7fffffffL : Long.MAX_VALUE)) > infinity;
  }

  private static BigInteger number(long bits, int width, boolean signed) {
    BigInteger value = BigInteger.valueOf(bits).and(BigInteger.ONE.shiftLeft(width).subtract(BigInteger.ONE));
    return signed && value.testBit(width - 1) ? value.subtract(BigInteger.ONE.shiftLeft(width)) : value;
  }

  private static BigInteger product(long a, long b, int bits, boolean signed) {
    return number(a, bits, signed).multiply(number(b, bits, signed));
  }

  private static long high(long a, long b, int bits, boolean signed) {
    return product(a, b, bits, signed).shiftRight(bits).longValue();
  }

  private static int compare(long a, long b, int bits, boolean signed) {
    return number(a, bits, signed).compareTo(number(b, bits, signed));
  }

  private static int amount(long bits) {
    return (int) Math.min(bits, 64);
  }

  /// As PTX's own description of bfe has it, bit by bit.
  private static long field(long[] s, int bits, boolean signed) {
    int position = (int) s[1] & 0xff;
    int length = (int) s[2] & 0xff;
    boolean negative = signed && length != 0 && (s[0] >>> Math.min(position + length - 1, bits - 1) & 1) != 0;
    long result = 0;
    for (int i = 0; i < bits; i++) {
      boolean set = i < length && position + i < bits ? (s[0] >>> (position + i) & 1) != 0 : negative;
      result |= (set ? 1L : 0) << i;
    }
    return result;
  }

  private static long saturated(double value, int bits) {
    if (!(value >= 1)) {
      return 0;
    }
    return value >= Math.scalb(1d, bits) ? -1 : new BigDecimal(value).toBigInteger().longValue();
  }

  private static long[] bits(float... values) {
    long[] out = new long[values.length];
    Arrays.setAll(out, i -> Float.floatToRawIntBits(values[i]) & 0xffffffffL);
    return out;
  }

  private static long[] bits(double... values) {
    return Arrays.stream(values).mapToLong(Double::doubleToRawLongBits).toArray();
  }

  private static String hex(long... values) {
    return String.join(" ", Arrays.stream(values).mapToObj(Long::toHexString).toList());
  }
}
