package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Fork;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebraContract;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.signal.PropagationContract;
import io.github.tensorseed.whitening.BatchesContract;
import io.github.tensorseed.whitening.ConventionContract;
import io.github.tensorseed.whitening.InitializersFromDataContract;
import io.github.tensorseed.whitening.ScatterContract;
import io.github.tensorseed.whitening.WhiteningContract;
import io.github.tensorseed.whitening.WhiteningFileContract;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The contracts of linear algebra, whitening, rows of files, initializers from data and signals on JCublas2 and JCusolverDn, over the stand-ins of the
/// emulated driver.
@Execution(ExecutionMode.CONCURRENT)
class CudaLinearAlgebraTest {
  private static final class AlgebraOnGpu extends LinearAlgebraContract {
    AlgebraOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  private static final class WhiteningOnGpu extends WhiteningContract {
    WhiteningOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  private static final class BatchesOnGpu extends BatchesContract {
    BatchesOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  private static final class FromDataOnGpu extends InitializersFromDataContract {
    FromDataOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  private static final class ScatterOnGpu extends ScatterContract {
    ScatterOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  private static final class ConventionsOnGpu extends ConventionContract {
    ConventionsOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  private static final class FilesOnGpu extends WhiteningFileContract {
    FilesOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  private static final class SignalsOnGpu extends PropagationContract {
    SignalsOnGpu() {
      super(CudaDevice.open(0));
    }
  }

  /// A program that holds a GPU to the contracts.
  static final class OnGpu {
    private OnGpu() {}

    public static void main(String[] arguments) throws Exception {
      run(LinearAlgebraContract.class, AlgebraOnGpu::new);
      run(WhiteningContract.class, WhiteningOnGpu::new);
      run(BatchesContract.class, BatchesOnGpu::new);
      run(ScatterContract.class, ScatterOnGpu::new);
      run(ConventionContract.class, ConventionsOnGpu::new);
      run(WhiteningFileContract.class, FilesOnGpu::new);
      run(InitializersFromDataContract.class, FromDataOnGpu::new);
      run(PropagationContract.class, SignalsOnGpu::new);
    }

    private static <T> void run(Class<T> contract, Supplier<? extends T> tests) throws Exception {
      for (Method method : contract.getDeclaredMethods()) {
        if (method.isAnnotationPresent(Test.class)) {
          T test = tests.get();
          method.setAccessible(true);
          method.invoke(test);
          Method close = contract.getDeclaredMethod("close");
          close.setAccessible(true);
          close.invoke(test);
          System.out.println(method.getName());
        }
      }
    }
  }

  /// A program that prints what it is told of decompositions.
  static final class Decompositions {
    private Decompositions() {}

    public static void main(String[] arguments) {
      for (DType dtype : new DType[] {DType.F32, DType.F64}) {
        try (CudaDevice device = CudaDevice.open(0)) {
          Tensor matrix = device.allocate(dtype, Shape.of(50, 50));
          device.fill(matrix, new Distribution.Normal(0, 1), RandomStream.of(1));
          LinearAlgebra algebra = device.linearAlgebra();
          for (Runnable decomposition : new Runnable[] {
              () -> algebra.syevd(matrix, device.allocate(dtype, Shape.of(50))), () -> algebra.qr(matrix)}) {
            try {
              decomposition.run();
              System.out.println("done");
            } catch (DeviceException e) {
              System.out.println(e.getMessage());
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"log=stderr, done", "info=3, failed with info = 3; the method did not converge", "error=10000, is wrong: the relative residual of"})
  void aDecompositionThatFailsOrIsWrongIsAnError(String option, String told) throws Exception {
    Fork fork = Fork.emulated("lazy," + option, Decompositions.class);
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(fork.out().lines()).hasSize(4).allMatch(line -> line.contains(told));
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "random:3"})
  void holds(String mode, @TempDir Path dir) throws Exception {
    Path report = dir.resolve("report.json");
    Fork fork = Fork.emulated(mode + ",report=" + report, OnGpu.class);
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    assertThat(fork.out().lines()).contains("gemmAndGemv", "eigenvalues", "orthonormalRows", "whiteDataHasTheIdentityForItsCovariance")
        .contains("bothSidesMakeTheSameRows", "kerasImageDataGenerator", "whatIsSavedComesBack", "everyRowComesOnceAndInOrder")
        .contains("everyDeviceIsNearTheHost", "gradientsAreThoseOfCentralDifferences", "orthogonalPanels").hasSize(56);
    JsonNode left = new ObjectMapper().readTree(Files.readString(report));
    assertThat(left.get("leaks")).isEmpty();
    left.get("live").forEach(count -> assertThat(count.asInt()).as(left.get("live").toString()).isZero());
  }
}
