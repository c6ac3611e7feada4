package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Loads and stores of all widths, parameters, and the numbers of threads.
class PtxMemoryTest {
  private static final int THREADS = 300;
  private static final String REGISTERS = """
      .reg .pred %p<4>; .reg .b16 %rs<8>; .reg .b32 %r<16>; .reg .f32 %f<8>; .reg .b64 %rd<16>; .reg .f64 %fd<8>;
      mov.u32 %r10, %ctaid.x; mov.u32 %r11, %ntid.x; mov.u32 %r12, %tid.x; mad.lo.s32 %r13, %r10, %r11, %r12;
      """;

  private final PtxBench bench = new PtxBench("eager");

  private static long[] random(int count) {
    return new SplittableRandom(3).longs(count).toArray();
  }

  @ParameterizedTest
  @CsvSource({"b8, %rs, 1, 1", "u8, %r, 1, 1", "b16, %rs, 1, 2", "u32, %r, 1, 4", "f32, %f, 1, 4", "b64, %rd, 1, 8", "f64, %fd, 1, 8",
      "b8, %rs, 2, 1", "b16, %rs, 2, 2", "f32, %f, 2, 4", "u64, %rd, 2, 8", "b8, %rs, 4, 1", "u16, %rs, 4, 2", "b32, %r, 4, 4"})
  void whatIsLoadedIsStored(String type, String register, int elements, int bytes) {
    int each = elements * bytes;
    long[] values = random((THREADS * each + 7) / 8);
    long in = bench.upload(values, 8);
    String vector = elements == 1 ? register + 1
        : "{" + String.join(", ", LongStream.range(0, elements).mapToObj(i -> register + i).toList()) + "}";
    String name = (elements == 1 ? "." : ".v" + elements + ".") + type;
    for (String space : new String[] {"", ".global", ".global.nc"}) {
      long out = bench.allocate(8L * values.length);
      assertThat(bench.launch(PtxBench.HEADER + ".entry k(.param .u64 out, .param .u64 in) {" + REGISTERS
          + "ld.param.u64 %rd8, [in]; ld.param.u64 %rd9, [out]; mul.wide.u32 %rd10, %r13, " + each + ";\n"
          + "setp.ge.u32 %p1, %r13, " + THREADS + "; @%p1 ret; add.s64 %rd8, %rd8, %rd10; add.s64 %rd9, %rd9, %rd10;\n"
          + "add.s64 %rd9, %rd9, 1024; ld" + space + name + " " + vector + ", [%rd8];\n"
          + "st" + space.replace(".nc", "") + name + " [%rd9+-1024], " + vector + "; ret; }", 3, 128, out, in)).isZero();
      long[] found = bench.download(out, THREADS * each, 1);
      assertThat(found).as(space).containsExactly(bench.download(in, THREADS * each, 1));
    }
  }

  @ParameterizedTest
  @CsvSource({"2, 8", "4, 16"})
  void vectorsMustBeAlignedAsAWhole(int elements, int bytes) {
    String vector = elements == 2 ? "{%r1, %r2}" : "{%r1, %r2, %r3, %r4}";
    String text = PtxBench.HEADER + ".entry k(.param .u64 out) {" + REGISTERS + "ld.param.u64 %rd1, [out]; st.global.v" + elements
        + ".b32 [%rd1], " + vector + "; ret; }";
    long out = bench.allocate(64);
    assertThat(bench.launch(text, 1, 1, out + bytes)).isZero();
    bench.check("cuCtxSynchronize");
    assertThat(bench.launch(text, 1, 1, out + bytes / 2)).isZero();
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(716);
  }

  @Test
  void aVectorThatSticksOutIsRefused() {
    String text = PtxBench.HEADER + ".entry k(.param .u64 out) {" + REGISTERS
        + "ld.param.u64 %rd1, [out]; st.global.v2.b32 [%rd1], {%r1, %r2}; ret; }";
    assertThat(bench.launch(text, 1, 1, bench.allocate(12) + 8)).isZero();
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(700);
  }

  @Test
  void narrowLoadsAreExtendedByTheirSign() {
    long[] bytes = {0x00, 0x7f, 0x80, 0xff};
    long in = bench.upload(bytes, 1);
    long out = bench.allocate(4 * 8);
    assertThat(bench.launch(PtxBench.HEADER + ".entry k(.param .u64 out, .param .u64 in) {" + REGISTERS + """
        ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; cvt.u64.u32 %rd3, %r13; add.s64 %rd1, %rd1, %rd3;
        mul.wide.u32 %rd3, %r13, 8; add.s64 %rd2, %rd2, %rd3;
        ld.global.s8 %r1, [%rd1]; ld.global.u8 %r2, [%rd1]; st.global.v2.u32 [%rd2], {%r1, %r2}; ret; }
        """, 1, 4, out, in)).isZero();
    assertThat(bench.download(out, 8, 4)).containsExactly(0, 0, 0x7f, 0x7f, 0xffffff80L, 0x80, 0xffffffffL, 0xff);
  }

  @Test
  void parametersOfAllWidthsStandAtTheirAlignment() {
    // The launch passes 64-bit numbers; each parameter takes the low bytes of its own.
    long out = bench.allocate(40);
    String entry = ".entry k(.param .u64 out, .param .u8 a, .param .u16 b, .param .u32 c, .param .align 8 .b8 d[8]) {";
    assertThat(bench.launch(PtxBench.HEADER + entry + REGISTERS + """
        ld.param.u64 %rd1, [out]; ld.param.s8 %r1, [a]; ld.param.u16 %rs1, [b]; cvt.u32.u16 %r2, %rs1; ld.param.u32 %r3, [c];
        ld.param.u16 %rs2, [d+2]; cvt.u32.u16 %r4, %rs2; mov.b64 %rd2, d; ld.param.v2.u32 {%r5, %r6}, [%rd2+0];
        st.global.v4.u32 [%rd1], {%r1, %r2, %r3, %r4}; st.global.v2.u32 [%rd1+16], {%r5, %r6}; st.global.u64 [%rd1+24], 5;
        st.global.u8 [%rd1+32], 254; ret; }
        """, 1, 1, out, 0x1ff, 0x12345, 0x7_0000_0009L, 0x8877665544332211L)).isZero();
    assertThat(bench.download(out, 6, 4)).containsExactly(0xffffffffL, 0x2345, 9, 0x4433, 0x44332211L, 0x88776655L);
    assertThat(bench.download(out + 24, 2, 8)).containsExactly(5, 0xfffffffffffffffeL);
  }

  @Test
  void threadsKnowTheirPlaceInThreeDimensions() {
    int threads = 2 * 3 * 4 * 5 * 6 * 2;
    long out = bench.allocate(4L * threads);
    long function = bench.function(PtxBench.HEADER + ".entry k(.param .u64 out) {" + REGISTERS + """
        mov.u32 %r1, %ctaid.z; mov.u32 %r2, %nctaid.y; mov.u32 %r3, %ctaid.y; mad.lo.u32 %r1, %r1, %r2, %r3;
        mov.u32 %r2, %nctaid.x; mad.lo.u32 %r1, %r1, %r2, %r10;
        mov.u32 %r2, %ntid.z; mov.u32 %r3, %tid.z; mad.lo.u32 %r1, %r1, %r2, %r3;
        mov.u32 %r2, %ntid.y; mov.u32 %r3, %tid.y; mad.lo.u32 %r1, %r1, %r2, %r3;
        mad.lo.u32 %r1, %r1, %r11, %r12;
        ld.param.u64 %rd1, [out]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2; st.global.u32 [%rd1], %r1; ret; }
        """);
    assertThat(bench.launch(function, 0L, new int[] {2, 3, 4}, new int[] {5, 6, 2}, out)).isZero();
    assertThat(bench.download(out, threads, 4)).containsExactly(LongStream.range(0, threads).toArray());
  }

  /// Registers share places in the register file while they are not alive. Here one lives around a loop although each round seems to write
  /// it, and one is written before the loop only; a third, which each round needs for a moment, may take the place of neither.
  @Test
  void whatALoopNeedsAgainKeepsItsPlace() {
    long out = bench.allocate(4 * 64);
    assertThat(bench.launch(PtxBench.HEADER + ".entry k(.param .u64 out) {" + REGISTERS + """
        add.s32 %r1, %r12, 100; mul.lo.s32 %r6, %r12, 2; mov.u32 %r2, 0; mov.u32 %r3, 0;
        LOOP: setp.eq.s32 %p1, %r2, %r12;
        @%p1 mov.u32 %r1, 7;
        add.s32 %r3, %r3, %r1; add.s32 %r3, %r3, %r6;
        mul.lo.s32 %r4, %r2, 3; xor.b32 %r5, %r4, 1; add.s32 %r3, %r3, %r5;
        add.s32 %r2, %r2, 1; setp.lt.s32 %p2, %r2, 5;
        @%p2 bra LOOP;
        ld.param.u64 %rd1, [out]; mul.wide.u32 %rd2, %r12, 4; add.s64 %rd1, %rd1, %rd2; st.global.u32 [%rd1], %r3; ret; }
        """, 1, 64, out)).isZero();
    long[] expected = LongStream.range(0, 64).map(thread -> {
      long value = thread + 100;
      long sum = 0;
      for (int round = 0; round < 5; round++) {
        value = round == thread ? 7 : value;
        sum += value + 2 * thread + (3 * round ^ 1);
      }
      return sum;
    }).toArray();
    assertThat(bench.download(out, 64, 4)).containsExactly(expected);
  }
}
