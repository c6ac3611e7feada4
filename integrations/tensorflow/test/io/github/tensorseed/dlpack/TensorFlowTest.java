package io.github.tensorseed.dlpack;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// TensorFlow's own DLPack, of its C API: the other library that nobody here wrote. It knows the legacy struct alone.
///
///     mvn -Ptensorflow test -Dtest=TensorFlowTest
@SuppressWarnings("restricted")
class TensorFlowTest {
  private static final Path LIBRARY =
      Path.of(Loader.load(org.tensorflow.internal.c_api.global.tensorflow.class)).resolveSibling("libtensorflow_cc.so.2");
  private static final SymbolLookup SYMBOLS = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
  // In the namespace tensorflow, and so by their C++ names.
  private static final String TO = "_ZN10tensorflow18TFE_HandleToDLPackEP16TFE_TensorHandleP10TSL_Status";
  private static final String FROM = "_ZN10tensorflow20TFE_HandleFromDLPackEPvP10TSL_StatusP11TFE_Context";

  private static Object call(String name, MemoryLayout result, Object... arguments) {
    MemoryLayout[] types = Arrays.stream(arguments).map(argument -> switch (argument) {
      case Integer _ -> JAVA_INT;
      case Long _ -> JAVA_LONG;
      default -> ADDRESS;
    }).toArray(MemoryLayout[]::new);
    try {
      FunctionDescriptor type = FunctionDescriptor.of(result, types);
      return Linker.nativeLinker().downcallHandle(SYMBOLS.findOrThrow(name), type).invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException(name, e);
    }
  }

  private static void run(String name, Object argument) {
    try {
      Linker.nativeLinker().downcallHandle(SYMBOLS.findOrThrow(name), FunctionDescriptor.ofVoid(ADDRESS)).invokeWithArguments(argument);
    } catch (Throwable e) {
      throw new IllegalStateException(name, e);
    }
  }

  private static MemorySegment pointer(String name, Object... arguments) {
    return (MemorySegment) call(name, ADDRESS, arguments);
  }

  private final MemorySegment status = pointer("TF_NewStatus");

  /// What a call returned, once its status is looked at.
  private MemorySegment good(MemorySegment result) {
    String message = pointer("TF_Message", status).reinterpret(Long.MAX_VALUE).getString(0);
    assertThat((int) call("TF_GetCode", JAVA_INT, status)).as(message).isZero();
    return result;
  }

  private MemorySegment context() {
    MemorySegment options = pointer("TFE_NewContextOptions");
    MemorySegment context = good(pointer("TFE_NewContext", options, status));
    run("TFE_DeleteContextOptions", options);
    return context;
  }

  /// The numbers of TF_DataType.
  private static int number(DType dtype) {
    return switch (dtype) {
      case F32 -> 1;
      case F64 -> 2;
      case BF16 -> 14;
      case F16 -> 19;
      case F8_E5M2 -> 24;
      case F8_E4M3 -> 25;
    };
  }

  /// TensorFlow finds our values in a tensor of its own, and calls our deleter when it is done.
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.MATCH_NONE, names = "F8_.*")
  void tensorFlowReadsOurs(DType dtype) {
    MemorySegment context = context();
    try (CpuDevice cpu = CpuDevice.open(1)) {
      Tensor tensor = cpu.allocate(dtype, Shape.of(3, 40));
      cpu.fill(tensor, new Distribution.Normal(0, 1), RandomStream.of(42));
      byte[] expected = tensor.memory().toArray(ValueLayout.JAVA_BYTE);
      MemorySegment handle = good(pointer(FROM, DLPack.LEGACY.lend(tensor), status, context));
      tensor.close();
      assertThat(cpu.allocatedBytes()).as("TensorFlow has it").isEqualTo(120L * dtype.bytes());
      assertThat((int) call("TFE_TensorHandleDataType", JAVA_INT, handle)).isEqualTo(number(dtype));
      MemorySegment theirs = good(pointer("TFE_TensorHandleResolve", handle, status));
      assertThat((long) call("TF_Dim", JAVA_LONG, theirs, 0)).isEqualTo(3);
      assertThat((long) call("TF_Dim", JAVA_LONG, theirs, 1)).isEqualTo(40);
      assertThat(pointer("TF_TensorData", theirs).reinterpret(expected.length).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
      run("TF_DeleteTensor", theirs);
      run("TFE_DeleteTensorHandle", handle);
      assertThat(cpu.allocatedBytes()).as("TensorFlow has called the deleter").isZero();
    }
    run("TFE_DeleteContext", context);
    run("TF_DeleteStatus", status);
  }

  /// We find TensorFlow's values where they lie, and fill a tensor of its own.
  @Test
  void weFillTensorFlows() {
    MemorySegment context = context();
    try (CpuDevice cpu = CpuDevice.open(1); Arena arena = Arena.ofConfined(); Tensor expected = cpu.allocate(DType.F32, Shape.of(5, 8))) {
      MemorySegment theirs = pointer("TF_AllocateTensor", number(DType.F32), arena.allocateFrom(JAVA_LONG, 5, 8), 2, 160L);
      MemorySegment values = pointer("TF_TensorData", theirs).reinterpret(160);
      values.setAtIndex(ValueLayout.JAVA_FLOAT, 39, 7);
      MemorySegment handle = good(pointer("TFE_NewTensorHandle", theirs, status));
      try (Tensor tensor = DLPack.LEGACY.borrow(good(pointer(TO, handle, status)), cpu)) {
        assertThat(tensor.shape()).isEqualTo(Shape.of(5, 8));
        assertThat(tensor.dtype()).isEqualTo(DType.F32);
        assertThat(tensor.toFloats()[39]).isEqualTo(7);
        cpu.fill(tensor, new Distribution.Normal(0, 1), RandomStream.of(42));
      }
      cpu.fill(expected, new Distribution.Normal(0, 1), RandomStream.of(42));
      assertThat(values.mismatch(expected.memory())).as("TensorFlow's values are ours").isEqualTo(-1);
      run("TFE_DeleteTensorHandle", handle);
      run("TF_DeleteTensor", theirs);
    }
    run("TFE_DeleteContext", context);
    run("TF_DeleteStatus", status);
  }
}
