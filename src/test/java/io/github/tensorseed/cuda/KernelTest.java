package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/// What a launch hands over, place by place.
class KernelTest {
  private static MemorySegment parameters(Distribution law, DType dtype) {
    MemorySegment parameters = Arena.ofAuto().allocate(Kernel.PARAMETERS, 8);
    Kernel.put(law, dtype, parameters);
    return parameters;
  }

  @Test
  void namesOfEntries() {
    assertThat(Kernel.of(new Distribution.TruncatedNormal(0, 1, -2, 2)).entry(DType.F8_E4M3)).isEqualTo("truncated_normal_f8_e4m3");
    assertThat(Kernel.of(new Distribution.LogNormal(0, 1)).entry(DType.BF16)).isEqualTo("log_normal_bf16");
  }

  @Test
  void placesOfParameters() {
    assertThat(parameters(new Distribution.Uniform(-1, 3), DType.F32).toArray(JAVA_DOUBLE)).startsWith(4, -1, 3);
    assertThat(parameters(new Distribution.Normal(5, 0.5), DType.F32).toArray(JAVA_DOUBLE)).startsWith(5, 0.5);
    assertThat(parameters(new Distribution.Signs(7), DType.F64).toArray(JAVA_DOUBLE)).startsWith(7);
    Distribution.TruncatedNormal law = new Distribution.TruncatedNormal(1, 2, -1, 0.5);
    for (DType dtype : new DType[] {DType.F32, DType.F64}) {
      Distribution.TruncatedNormal.Tails tails = law.tails(dtype == DType.F64);
      MemorySegment parameters = parameters(law, dtype);
      assertThat(parameters.toArray(JAVA_DOUBLE)).startsWith(1, 2, -1, 0.5, tails.inside(), tails.below(), tails.above());
      assertThat(parameters.getAtIndex(JAVA_LONG, 7)).isEqualTo(tails.split());
    }
  }
}
