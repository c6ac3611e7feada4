package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The hostile sides of the emulated driver: when work runs, what memory is, what fails, and what the report says.
class EmulatorModesTest {
  /// Element i becomes i, and 1000 more if it is odd, for the threads below count: they part ways three times, and a loop counts up from 0.
  private static final String COUNT = PtxBench.HEADER + """
      .visible .entry k(.param .u64 out, .param .u64 count) {
      .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<8>;
      ld.param.u64 %rd1, [out]; ld.param.u64 %rd2, [count];
      mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;
      cvt.u64.u32 %rd3, %r4; setp.ge.u64 %p1, %rd3, %rd2;
      @%p1 bra END;
      mov.u32 %r5, 0;
      LOOP: setp.ge.u32 %p2, %r5, %r4;
      @%p2 bra DONE;
      add.s32 %r5, %r5, 1;
      bra.uni LOOP;
      DONE: and.b32 %r6, %r4, 1; setp.eq.s32 %p3, %r6, 0;
      @!%p3 add.s32 %r5, %r5, 1000;
      mul.wide.u32 %rd4, %r4, 4; add.s64 %rd5, %rd1, %rd4;
      st.global.u32 [%rd5], %r5;
      END: ret;
      }
      """;

  private static long[] counted(int count) {
    return LongStream.range(0, count).map(i -> i + (i % 2) * 1000).toArray();
  }

  private static JsonNode report(PtxBench bench) {
    try {
      return new ObjectMapper().readTree(bench.driver.report());
    } catch (JsonProcessingException e) {
      throw new AssertionError(bench.driver.report(), e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "random:1", "random:77"})
  void threadsThatPartMeetAgainInEveryMode(String mode) {
    PtxBench bench = new PtxBench(mode);
    int count = 500;
    long out = bench.allocate(4L * count);
    assertThat(bench.launch(COUNT, 3, 256, out, count)).isZero();
    assertThat(bench.download(out, count, 4)).containsExactly(counted(count));
    JsonNode kernel = report(bench).at("/kernels/k");
    assertThat(kernel.get("threads").asLong()).isEqualTo(3 * 256);
    // Counted by hand: 9 instructions up to the first branch, and the ret, of all 768 threads; 1 before the loop; 4 in each of i rounds of
    // it and 2 in the last; 6 after it.
    assertThat(kernel.get("instructions").asLong()).isEqualTo(768 * 10 + 500 * (1 + 2 + 6) + 4 * (499 * 500 / 2));
  }

  @Test
  void aForgottenWaitIsWrongInLazyModeAndReported() {
    for (String mode : new String[] {"lazy", "eager"}) {
      PtxBench bench = new PtxBench(mode);
      int count = 4;
      long out = bench.allocate(4L * count);
      long stream = bench.made("cuStreamCreate", 1);
      long function = bench.function(COUNT);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment host = arena.allocate(4L * count);
        assertThat(bench.launch(function, stream, 1, 32, out, count)).isZero();
        bench.check("cuMemcpyDtoHAsync_v2", host, out, 4L * count, stream);
        boolean ran = host.get(ValueLayout.JAVA_INT, 4) == 1001;
        assertThat(ran).as(mode).isEqualTo(mode.equals("eager"));
        // Stream 0 does not wait for a stream that is not blocking.
        bench.check("cuStreamSynchronize", 0L);
        assertThat(report(bench).get("never_waited").toString()).contains("k (call");
        bench.check("cuStreamSynchronize", stream);
        assertThat(host.get(ValueLayout.JAVA_INT, 4)).isEqualTo(1001);
        assertThat(report(bench).get("never_waited")).isEmpty();
      }
    }
  }

  @Test
  void streamZeroWaitsForBlockingStreamsOnly() {
    for (int flags = 0; flags < 2; flags++) {
      PtxBench bench = new PtxBench("lazy");
      long stream = bench.made("cuStreamCreate", flags);
      long out = bench.allocate(4);
      bench.check("cuMemsetD32Async", out, 7, 1L, stream);
      assertThat(bench.download(out, 1, 4)).as("flags " + flags).containsExactly(flags == 0 ? 7 : 0xffffffffL);
      bench.check("cuMemsetD32Async", out, 8, 1L, 0L);
      assertThat(bench.launch(bench.function(COUNT), stream, 1, 1, out, 1L)).isZero();
      bench.check("cuStreamSynchronize", stream);
      bench.check("cuCtxSynchronize");
      assertThat(bench.download(out, 1, 4)).as("flags " + flags).containsExactly(flags == 0 ? 0 : 8);
    }
  }

  @Test
  void lazyWaitsRunOnlyWhatTheyNeed() {
    PtxBench bench = new PtxBench("lazy");
    long a = bench.made("cuStreamCreate", 1);
    long b = bench.made("cuStreamCreate", 1);
    long event = bench.made("cuEventCreate", 2);
    long out = bench.allocate(8);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(8);
      bench.check("cuMemsetD32Async", out, 1, 1L, a);
      bench.check("cuEventRecord", event, a);
      bench.check("cuMemsetD32Async", out, 2, 1L, a);
      bench.check("cuStreamWaitEvent", b, event, 0);
      bench.check("cuMemcpyDtoHAsync_v2", host, out, 8L, b);
      bench.check("cuStreamSynchronize", b);
      assertThat(host.get(ValueLayout.JAVA_INT, 0)).isEqualTo(1);
      assertThat(host.get(ValueLayout.JAVA_INT, 4)).as("fresh memory is poisoned").isEqualTo(-1);
      assertThat(bench.call("cuStreamQuery", a)).isEqualTo(600);
      assertThat(bench.call("cuStreamQuery", a)).as("a program that polls gets on").isZero();
      bench.check("cuMemcpyDtoH_v2", host, out, 8L);
      assertThat(host.get(ValueLayout.JAVA_INT, 0)).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy"})
  void anAccessOutsideIsStickyAndNamed(String mode) {
    PtxBench bench = new PtxBench(mode);
    long out = bench.allocate(4L * 100);
    assertThat(bench.launch(COUNT, 1, 128, out, 101L)).as("the launch itself").isZero();
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(700);
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(16L))).isEqualTo(700);
    assertThat(report(bench).get("log").toString()).contains("PTX line 18 of k, thread 100: 4 bytes at 0xa5")
        .contains("400 from the start of 400 bytes");
    // It is given back all the same.
    assertThat(bench.call("cuMemFree_v2", out)).isEqualTo(700);
    assertThat(report(bench).get("leaks")).isEmpty();
    // Another context than the lost one can be made; the primary one stays lost.
    bench.check("cuDevicePrimaryCtxRelease_v2", 0);
    bench.check("cuCtxSetCurrent", bench.made("cuDevicePrimaryCtxRetain", 0));
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(700);
  }

  @Test
  void misalignedAccessAndUseAfterFreeFail() {
    PtxBench bench = new PtxBench("lazy");
    long out = bench.allocate(4L * 100);
    assertThat(bench.launch(COUNT, 1, 64, out + 2, 64L)).isZero();
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(716);

    PtxBench other = new PtxBench("lazy");
    long freed = other.allocate(4L * 100);
    assertThat(other.launch(COUNT, 1, 64, freed, 64L)).isZero();
    other.check("cuMemFree_v2", freed);
    assertThat(other.call("cuCtxSynchronize")).isEqualTo(700);
    assertThat(report(other).get("log").toString()).contains("which are freed");
    assertThat(other.call("cuMemFree_v2", freed)).isEqualTo(1);
  }

  @Test
  void memoryHasALimitAndAddressesNoHostHas() {
    PtxBench bench = new PtxBench("eager,memory=1M");
    long first = bench.allocate(512 << 10);
    assertThat(first).isEqualTo(0x00A5000000000000L);
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(513L << 10))).isEqualTo(2);
    bench.check("cuMemFree_v2", first);
    long second = bench.allocate(1 << 20);
    assertThat(second).as("no address is given out twice").isGreaterThan(first + (512 << 10));
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(Long.MAX_VALUE))).isEqualTo(2);
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(-1L))).isEqualTo(2);
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(0L))).isEqualTo(1);
    try (Arena arena = Arena.ofConfined()) {
      assertThat(bench.call("cuMemcpyDtoH_v2", arena.allocate(16), second + (1 << 20) - 8, 16L)).isEqualTo(1);
      assertThat(bench.call("cuMemcpyDtoH_v2", arena.allocate(16), second, -8L)).isEqualTo(1);
    }
  }

  @Test
  void moreThanFourGigabytesAreOneAllocation() {
    PtxBench bench = new PtxBench("eager,memory=64G");
    long bytes = (1L << 33) + 64;
    long address = bench.allocate(bytes);
    bench.check("cuMemsetD8_v2", address + bytes - 8, (byte) 7, 8L);
    assertThat(bench.download(address + bytes - 8, 1, 8)).containsExactly(0x0707070707070707L);
    assertThat(bench.call("cuMemsetD8_v2", address + bytes - 8, (byte) 7, 9L)).isEqualTo(1);
  }

  @Test
  void eachDeviceHasItsOwnMemory() {
    PtxBench bench = new PtxBench("eager,devices=2");
    long first = bench.allocate(64);
    bench.check("cuCtxSetCurrent", bench.made("cuDevicePrimaryCtxRetain", 1));
    assertThat(bench.allocate(64) - first).isEqualTo(1L << 44);
    assertThat(bench.launch(COUNT, 1, 16, first, 16L)).isZero();
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(700);
    assertThat(bench.call("cuDevicePrimaryCtxRetain", bench.withResult(2))).isEqualTo(101);
  }

  @Test
  void callsNeedInitialisationAndAContext() {
    PtxBench bench = new PtxBench("eager");
    bench.driver.reset("eager");
    assertThat(bench.call("cuDeviceGetCount", bench.withResult())).isEqualTo(3);
    bench.check("cuInit", 0);
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(16L))).as("the context of before the reset").isEqualTo(709);
    bench.check("cuCtxSetCurrent", 0L);
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(16L))).isEqualTo(201);
    bench.driver.reset("devices=0");
    assertThat(bench.call("cuInit", 0)).isEqualTo(100);
    assertThat(bench.call("cuTexRefCreate")).isEqualTo(801);
  }

  @Test
  void theNthCallFails() {
    PtxBench bench = new PtxBench("eager,fail=cuMemAlloc:2:2,fail=cuMemFree:1:999,fail=kernel:1:719");
    long first = bench.allocate(16);
    assertThat(bench.call("cuMemAlloc_v2", bench.withResult(16L))).isEqualTo(2);
    long third = bench.allocate(16);
    assertThat(bench.call("cuMemFree_v2", first)).isEqualTo(999);
    assertThat(bench.call("cuMemFree_v2", first)).as("it was freed for all that").isEqualTo(1);
    bench.check("cuMemFree_v2", third);
    assertThat(bench.driver.calls("cuMemAlloc")).isEqualTo(3);
    long next = bench.driver.calls("*") + 1;
    bench.driver.configure("fail=*:" + next + ":46");
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(46);
    bench.check("cuCtxSynchronize");
    assertThat(bench.launch(COUNT, 1, 1, bench.allocate(4), 1L)).isZero();
    assertThat(bench.call("cuCtxSynchronize")).isEqualTo(719);
    assertThat(report(bench).at("/faults")).allMatch(fault -> fault.get("fired").asBoolean());
    assertThatThrownBy(() -> bench.driver.configure("fail=cuMemAlloc:0:2")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bench.driver.configure("lazi")).hasMessageContaining("'lazi'");
  }

  @Test
  void pinnedMemoryIsSeenByBothSides() {
    PtxBench bench = new PtxBench("lazy");
    long host = bench.made("cuMemHostAlloc", 64L, 0);
    assertThat(bench.launch(COUNT, 1, 16, host, 16L)).isZero();
    bench.check("cuCtxSynchronize");
    assertThat(bench.download(host, 0, 4)).isEmpty();
    long copy = bench.allocate(64);
    bench.check("cuMemcpyAsync", copy, host, 64L, 0L);
    assertThat(bench.download(copy, 16, 4)).containsExactly(counted(16));
    assertThat(report(bench).get("leaks").toString()).contains("\"kind\":\"pinned\"");
    bench.check("cuMemFreeHost", MemorySegment.ofAddress(host));
    bench.check("cuMemFree_v2", copy);
    assertThat(report(bench).get("leaks")).isEmpty();
  }

  @Test
  void liveHandlesAreReportedAndDeadOnesRefused() {
    PtxBench bench = new PtxBench("eager");
    long stream = bench.made("cuStreamCreate", 0);
    long event = bench.made("cuEventCreate", 0);
    bench.function(COUNT);
    JsonNode live = report(bench).get("live");
    assertThat(Arrays.asList("contexts", "modules", "streams", "events")).allMatch(kind -> live.get(kind).asInt() == 1);
    bench.check("cuEventDestroy_v2", event);
    bench.check("cuStreamDestroy_v2", stream);
    assertThat(bench.call("cuStreamSynchronize", stream)).isEqualTo(400);
    assertThat(bench.call("cuEventRecord", event, 0L)).isEqualTo(400);
    bench.check("cuDevicePrimaryCtxRelease_v2", 0);
    assertThat(report(bench).get("destroyed_with_context").toString()).contains("1 modules of device 0");
    assertThat(bench.call("cuDevicePrimaryCtxRelease_v2", 0)).isEqualTo(201);
  }

  @Test
  void aCapturedGraphRunsWhenItIsLaunched() {
    PtxBench bench = new PtxBench("eager");
    long stream = bench.made("cuStreamCreate", 1);
    long function = bench.function(COUNT);
    long out = bench.allocate(64);
    bench.check("cuStreamBeginCapture_v2", stream, 0);
    assertThat(bench.launch(function, stream, 1, 16, out, 16L)).isZero();
    long event = bench.made("cuEventCreate", 0);
    bench.check("cuEventRecord", event, stream);
    assertThat(bench.call("cuStreamEndCapture", stream, bench.withResult()[0])).isZero();
    long graph = bench.result();
    bench.check("cuEventQuery", event);
    assertThat(bench.download(out, 1, 4)).containsExactly(0xffffffffL);
    long executable = bench.made("cuGraphInstantiate_v2", graph, 0L, 0L, 0L);
    for (int i = 0; i < 2; i++) {
      bench.check("cuMemsetD32_v2", out, 0, 16L);
      bench.check("cuGraphLaunch", executable, stream);
      bench.check("cuStreamSynchronize", stream);
      assertThat(bench.download(out, 16, 4)).containsExactly(counted(16));
    }
    bench.check("cuStreamBeginCapture_v2", stream, 0);
    assertThat(bench.call("cuStreamSynchronize", stream)).isEqualTo(900);
    assertThat(bench.call("cuStreamEndCapture", stream, bench.withResult()[0])).isEqualTo(901);
  }
}
