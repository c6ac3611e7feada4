package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What the kernels' text promises to every driver since CUDA 11.0 and to every bit: it is read here, not run.
class PtxTest {
  private static final List<String> LAWS = List.of("uniform", "normal", "log_normal", "truncated_normal", "signs", "constant", "affine");
  private static final List<String> FILL = List.of(".u64", ".u64", ".u64", ".u64", ".u64", ".u64", ".align 8 .b8[64]");
  private static final List<String> CONVERT = List.of(".u64", ".u64", ".u64", ".f64");

  static List<String> targets() {
    return Ptx.TARGETS;
  }

  @ParameterizedTest
  @MethodSource("targets")
  void everyDriverAndGpuThatWeNameTakesIt(String target) {
    assertThat(Ptx.shipped(target).text().lines().limit(10)).contains(".version 7.0", ".target " + target, ".address_size 64");
  }

  @ParameterizedTest
  @MethodSource("targets")
  void hasAnEntryForEachLawConversionAndFunction(String target) {
    Map<String, List<String>> expected = new TreeMap<>();
    for (DType dtype : DType.values()) {
      LAWS.forEach(law -> expected.put(law + "_" + name(dtype), FILL));
      for (DType source : DType.values()) {
        expected.put("convert_" + name(source) + "_" + name(dtype), CONVERT);
      }
    }
    List.of("activate_f32", "activate_f64", "backward_f32", "backward_f64").forEach(entry -> expected.put(entry, CONVERT));
    assertThat(Ptx.shipped(target).entries()).isEqualTo(expected);
  }

  private static String name(DType dtype) {
    return dtype.name().toLowerCase(Locale.ROOT);
  }

  @ParameterizedTest
  @MethodSource("targets")
  void hasEntriesAndRegistersOnly(String target) {
    // No functions, no memory of its own, no spilled array.
    assertThat(Ptx.shipped(target).directives())
        .containsExactlyInAnyOrder(".version", ".target", ".address_size", ".visible .entry", ".param", ".maxntid", ".maxnreg",
            ".minnctapersm", ".reg");
  }

  @ParameterizedTest
  @MethodSource("targets")
  void everyRoundingIsToNearestEven(String target) {
    assertThat(Ptx.shipped(target).inexact()).isEmpty();
  }

  @Test
  void usesNoOpcodeThatIsNotListed() throws IOException {
    String opcodes = """
        # Every opcode of the kernels, which are those that an emulator has to know. Made by
        # mvn test -Dtest=PtxTest     which writes target/opcodes.txt and compares
        """ + String.join("\n", Ptx.TARGETS.stream().flatMap(target -> Ptx.shipped(target).opcodes().stream()).sorted().distinct().toList()) + "\n";
    Files.writeString(Path.of("target/opcodes.txt"), opcodes);
    assertThat(opcodes).isEqualTo(Files.readString(Path.of("src/test/resources/io/github/tensorseed/cuda/opcodes.txt")));
  }

  @Test
  void theReaderSeesWhatItIsToRefuse() {
    Ptx text = new Ptx("""
        .visible .entry normal(
        	.param .u64 normal_param_0,
        	.param .align 8 .b8 normal_param_1[64]
        )
        {
        	.local .align 8 .b8 	__local_depot0[64];
        $L__BB0_1: fma.f32 	%f1, %f2, %f3, %f4; // mul.f32
        	@!%p1 add.rn.ftz.f32 	%f1, %f2, 0f3F800000;
        	{ mul.f64 %fd1, %fd2, %fd3; } sqrt.approx.f32 %f1, %f2;
        	fma.rz.f32 	%f1, %f2, %f3, %f4;
        	add.s32 	%r1, %r2, 1;
        	ret;
        }
        """);
    assertThat(text.entries()).isEqualTo(Map.of("normal", List.of(".u64", ".align 8 .b8[64]")));
    assertThat(text.directives()).containsExactlyInAnyOrder(".visible .entry", ".param", ".local");
    assertThat(text.opcodes()).hasSize(7);
    assertThat(text.inexact())
        .containsExactlyInAnyOrder("fma.f32", "add.rn.ftz.f32", "mul.f64", "sqrt.approx.f32", "fma.rz.f32");
  }
}
