package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Our kernels and `--generator curand` on the emulated device, whose stand-in has NVIDIA's own generator make the values: words and
/// uniforms bit-equal, normals within the bounds of STREAM.md. `mvn -Pcurand test -Dtest='Curand*'`.
@Tag("foreign")
@Tag("curand")
class CurandAgreementTest {
  @Test
  void kernelsAgreeWithCurand() throws Exception {
    assertThat(System.getenv("TENSORSEED_CURAND")).as("the library that the stand-in is to use").isNotNull();
    Fork fork = Fork.emulated("lazy", CurandContract.class, "thorough");
    System.out.print(fork.out());
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    assertThat(fork.out()).containsPattern("F32 normals .* 42\\d{5} values, (7[5-9]|[89]\\d)\\.\\d+ % bit-equal");
  }
}
