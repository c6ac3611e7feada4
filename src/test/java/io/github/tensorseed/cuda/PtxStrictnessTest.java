package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What the emulated driver refuses to read, with the line.
class PtxStrictnessTest {
  private static final int INVALID_PTX = 218;

  private final PtxBench bench = new PtxBench("eager");

  private static String kernel(String body) {
    return PtxBench.HEADER + """
        .visible .entry k(.param .u64 out, .param .align 8 .b8 law[64]) {
        .reg .pred %p<4>; .reg .b16 %rs<4>; .reg .b32 %r<4>; .reg .f32 %f<4>; .reg .b64 %rd<4>; .reg .f64 %fd<4>;
        """ + body + "\nret;\n}\n";
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "add.rn.f32 %f1, %f2, %f3;", "ld.param.f64 %fd1, [law+56];", "ld.param.v2.u32 {%r1, %r2}, [law+16];",
      "mov.b64 %rd1, law; ld.param.f64 %fd1, [%rd1+8];", "{ .reg .b32 t; mov.u32 t, %tid.x; add.s32 %r1, t, 1; }",
      "cvt.rn.f16.f32 %rs1, %f1;", ".pragma \"nounroll\";", "bra.uni L; L: mov.b32 %r1, 7;"})
  void whatClangWritesIsRead(String body) {
    assertThat(bench.load(kernel(body))).as(bench.driver.report()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {
      // Arithmetic that the real driver's compiler may fuse, approximate or flush.
      "add.f32 %f1, %f2, %f3;", "sub.f64 %fd1, %fd2, %fd3;", "mul.f32 %f1, %f2, %f3;", "mad.f32 %f1, %f2, %f3, %f1;",
      "fma.f32 %f1, %f2, %f3, %f1;", "div.full.f32 %f1, %f2, %f3;", "div.approx.f32 %f1, %f2, %f3;", "sqrt.approx.f32 %f1, %f2;",
      "sin.approx.f32 %f1, %f2;", "ex2.approx.ftz.f32 %f1, %f2;", "add.rn.ftz.f32 %f1, %f2, %f3;", "fma.rz.f32 %f1, %f2, %f3, %f1;",
      "cvt.rn.f16.f64 %rs1, %fd1;", "cvt.f32.f64 %f1, %fd1;", "cvt.rn.sat.f32.f64 %f1, %fd1;",
      // Unknown instructions and types.
      "frobnicate.b32 %r1, %r2;", "add.u8 %rs1, %rs2, %rs3;", "add.s128 %rd1, %rd2, %rd3;", "ld.local.u32 %r1, [%rd1];",
      "ld.shared.u32 %r1, [%rd1];", "st.param.u32 [out], %r1;", "ld.global.v3.u32 {%r1, %r2, %r3}, [%rd1];",
      "ld.global.v4.u64 {%rd1, %rd1, %rd1, %rd1}, [%rd1];", "bar.sync 0;", "atom.global.add.u32 %r1, [%rd1], 1;",
      "cvt.rn.bf16.f32 %rs1, %f1;", "min.NaN.f32 %f1, %f2, %f3;", "mov.u32 %r1, %laneid;", "mov.u32 %r1, %tid.w;", "call.uni foo;",
      // Widths and families of registers.
      "add.s32 %rd1, %r1, %r2;", "add.s32 %f1, %r1, %r2;", "add.rn.f32 %r1, %f1, %rs1;", "mul.wide.u32 %r1, %r2, %r3;",
      "setp.eq.s32 %r1, %r2, %r3;", "selp.b32 %r1, %r2, %r3, %r1;", "ld.global.u32 %rs1, [%rd1];", "ld.global.f32 %fd1, [%rd1];",
      "ld.global.u32 %r1, [%r2];", "shl.b64 %rd1, %rd2, %rd3;", "cvt.u32.u64 %r1, %r2;", "cvt.rn.f32.u32 %f1, %rd1;",
      "mov.b32 %r1, {%r2, %r3};", "mov.b32 %r1, {%rs1, %rs2, %rs3};", "@%r1 ret;",
      // Operands.
      "add.s32 %r1, %r2;", "add.s32 %r1, %r2, %r3, %r1;", "add.s32 %r9, %r2, %r3;", "add.s32 %r1, %r2, 0x1ffffffff;",
      "add.rn.f32 %f1, %f2, 1;", "add.rn.f32 %f1, %f2, 0d3FF0000000000000;", "add.rn.f32 %f1, %f2, 0f3F8;",
      "add.s32 %r1, %r2, 0f3F800000;", "add.s32 %r1, %r2, 1.5;", "ld.param.f64 %fd1, [law+60];", "ld.param.f64 %fd1, [law+4];",
      "ld.param.v2.f64 {%fd1, %fd2}, [law+16];", "ld.param.f64 %fd1, [lew];", "bra NOWHERE;", "add.s32 %r1, %r2, %r3",
      // Text.
      "L: L: mov.b32 %r1, 7;", ".reg .b8 %x;", ".reg .b32 %r1;", ".shared .b32 x;", "add.s32 %r1, %r2, #;", "/* no end", "\"", "{", "}"})
  void whatIsNotKnownIsRefusedWithItsLine(String body) {
    assertThat(bench.load(kernel(body))).isEqualTo(INVALID_PTX);
    assertThat(bench.driver.report()).containsPattern("PTX line [0-9]+: ");
  }

  @Test
  void arithmeticWithoutRoundingIsNamed() {
    assertThat(bench.load(kernel("mov.u32 %r1, %tid.x;\nmul.f32 %f1, %f2, %f3;"))).isEqualTo(INVALID_PTX);
    assertThat(bench.driver.report()).contains("PTX line 7: mul.f32 without .rn");
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "", ".version 7.0", ".version 7.0 .target sm_70 .address_size 32", ".version seven .target sm_70 .address_size 64",
      ".version 7.0 .target sm_70 .address_size 64 .global .u32 x;", ".version 7.0 .target sm_70 .address_size 64 .func f() { ret; }",
      ".version 7.0 .target sm_70 .address_size 64 .entry k() { }",
      ".version 7.0 .target sm_70 .address_size 64 .entry k(.param .u33 x) { ret; }",
      ".version 7.0 .target sm_70 .address_size 64 .entry k() { ret; } .entry k() { ret; }",
      ".version 7.0 .target sm_70 .address_size 64 .entry k( { ret; }"})
  void otherModulesAreRefused(String text) {
    assertThat(bench.load(text)).isEqualTo(INVALID_PTX);
  }

  @Test
  void versionAndTargetMustSuitTheDriverAndTheDevice() {
    String text = kernel("");
    assertThat(bench.load(text.replace("7.0", "7.7"))).isZero();
    assertThat(bench.load(text.replace("7.0", "7.8"))).isEqualTo(222);
    assertThat(bench.load(text.replace("sm_70", "sm_86"))).isEqualTo(209);
    bench.driver.configure("driver=11000,sm=70");
    assertThat(bench.load(text)).isZero();
    assertThat(bench.load(text.replace("7.0", "7.1"))).isEqualTo(222);
    bench.driver.configure("driver=10020");
    assertThat(bench.load(text)).isEqualTo(222);
    assertThat(bench.load(text.replace("7.0", "6.5"))).isZero();
  }
}
