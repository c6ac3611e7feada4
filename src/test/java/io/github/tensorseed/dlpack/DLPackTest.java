package io.github.tensorseed.dlpack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Host memory, lent to a library in C and borrowed from it. Fields and numbers are those of its own copy of the structs.
class DLPackTest {
  private static final Foreign FOREIGN = Foreign.load();

  private final CpuDevice cpu = CpuDevice.open(2);

  @AfterEach
  void everythingIsGivenBack() {
    assertThat(FOREIGN.live()).as("tensors that are lent to us").isZero();
    assertThat(FOREIGN.twice()).as("deleters that were called again").isZero();
    assertThat(cpu.allocatedBytes()).isZero();
    cpu.close();
  }

  private Tensor filled(DType dtype, long... shape) {
    Tensor tensor = cpu.allocate(dtype, Shape.of(shape));
    cpu.fill(tensor, new Distribution.Normal(0, 1), RandomStream.of(42));
    return tensor;
  }

  /// The bits of an element as our reader of files has them.
  private static long bits(Tensor tensor, long index) {
    long bits = 0;
    for (int i = 0; i < tensor.dtype().bytes(); i++) {
      bits |= Byte.toUnsignedLong(tensor.memory().get(ValueLayout.JAVA_BYTE, index * tensor.dtype().bytes() + i)) << 8 * i;
    }
    return bits;
  }

  static Stream<Arguments> formatsAndDtypes() {
    return Stream.of(DLPack.values()).flatMap(format -> Stream.of(DType.values()).map(dtype -> Arguments.of(format, dtype)));
  }

  @ParameterizedTest
  @MethodSource("formatsAndDtypes")
  void consumerReadsWhatIsLent(DLPack format, DType dtype) {
    try (Tensor tensor = filled(dtype, 3, 4, 5)) {
      MemorySegment lent = format.lend(tensor);
      if (format == DLPack.VERSIONED) {
        assertThat(FOREIGN.field(format, lent, Foreign.MAJOR)).isEqualTo(1);
        assertThat(FOREIGN.field(format, lent, Foreign.MINOR)).isEqualTo(1);
        assertThat(FOREIGN.field(format, lent, Foreign.FLAGS)).isZero();
      }
      assertThat(FOREIGN.field(format, lent, Foreign.DEVICE_TYPE)).as("kDLCPU").isEqualTo(1);
      assertThat(FOREIGN.field(format, lent, Foreign.DEVICE_ID)).isZero();
      assertThat(FOREIGN.field(format, lent, Foreign.CODE)).isEqualTo(Foreign.code(dtype));
      assertThat(FOREIGN.field(format, lent, Foreign.BITS)).isEqualTo(8L * dtype.bytes());
      assertThat(FOREIGN.field(format, lent, Foreign.LANES)).isEqualTo(1);
      assertThat(FOREIGN.field(format, lent, Foreign.BYTE_OFFSET)).isZero();
      assertThat(FOREIGN.fields(format, lent, Foreign.SHAPE)).containsExactly(3, 4, 5);
      assertThat(FOREIGN.fields(format, lent, Foreign.STRIDES)).containsExactly(20, 5, 1);
      for (long i = 0; i < 60; i++) {
        assertThat(FOREIGN.bits(format, lent, i / 20, i / 5 % 4, i % 5)).as("element " + i).isEqualTo(bits(tensor, i));
      }
      FOREIGN.setBits(format, lent, 1, 2, 3, 4);
      assertThat(bits(tensor, 59)).as("one memory").isEqualTo(1);
      FOREIGN.delete(format, lent);
    }
  }

  @ParameterizedTest
  @MethodSource("formatsAndDtypes")
  void producersTensorIsFilledInPlace(DLPack format, DType dtype) {
    MemorySegment theirs = FOREIGN.lend(format, Foreign.Loan.of(dtype, 4, 6));
    try (Tensor tensor = format.borrow(theirs, cpu); Tensor expected = filled(dtype, 4, 6)) {
      assertThat(tensor.dtype()).isEqualTo(dtype);
      assertThat(tensor.shape()).isEqualTo(Shape.of(4, 6));
      cpu.fill(tensor, new Distribution.Normal(0, 1), RandomStream.of(42));
      for (long i = 0; i < 24; i++) {
        assertThat(FOREIGN.bits(format, theirs, i / 6, i % 6)).as("element " + i).isEqualTo(bits(expected, i));
      }
      FOREIGN.setBits(format, theirs, 0, 1, 2);
      assertThat(tensor.toDoubles()[8]).isZero();
      assertThat(FOREIGN.live()).isEqualTo(1);
    }
    assertThat(FOREIGN.live()).isZero();
  }

  /// Strides that say what is so anyway, and those of axes that have but one element or none.
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {"3,4; 4,1", "1,4; 77,1", "3,1; 1,9", "0,4; 5,7", "2,0,3; 9,9,9"})
  void rowMajorStrides(String shape, String strides) {
    Foreign.Loan loan = Foreign.Loan.of(DType.F32, numbers(shape)).strides(numbers(strides));
    try (Tensor tensor = DLPack.VERSIONED.borrow(FOREIGN.lend(DLPack.VERSIONED, loan), cpu)) {
      assertThat(tensor.shape()).isEqualTo(Shape.of(numbers(shape)));
      cpu.fill(tensor, new Distribution.Constant(3), RandomStream.of(0));
      float[] expected = new float[(int) tensor.elements()];
      Arrays.fill(expected, 3);
      assertThat(tensor.toFloats()).isEqualTo(expected);
    }
  }

  private static long[] numbers(String text) {
    return Stream.of(text.split(",", -1)).mapToLong(Long::parseLong).toArray();
  }

  @Test
  void padsAndOtherOrdersAreRefused() {
    for (long[] strides : new long[][] {{5, 1}, {1, 3}, {0, 1}, {-4, 1}}) {
      Foreign.Loan loan = Foreign.Loan.of(DType.F32, 3, 4).strides(strides).memory(100);
      MemorySegment theirs = FOREIGN.lend(DLPack.VERSIONED, loan);
      assertThatThrownBy(() -> DLPack.VERSIONED.borrow(theirs, cpu)).isInstanceOf(IllegalArgumentException.class).hasMessageContainingAll(
          "strides [" + strides[0] + ", " + strides[1] + "]", "strides [4, 1]", "contiguous()", "ascontiguousarray()");
      assertThat(FOREIGN.live()).as("given back").isZero();
    }
  }

  /// Values two bytes behind an odd address, as in the middle of a file.
  @ParameterizedTest
  @EnumSource
  void offsetsAndAnyAlignment(DLPack format) {
    MemorySegment theirs = FOREIGN.lend(format, Foreign.Loan.of(DType.BF16, 7, 100).memory(1403).offset(3));
    try (Tensor tensor = format.borrow(theirs, cpu); Tensor expected = filled(DType.BF16, 7, 100)) {
      cpu.fill(tensor, new Distribution.Normal(0, 1), RandomStream.of(42));
      assertThat(tensor.toDoubles()).isEqualTo(expected.toDoubles());
      assertThat(FOREIGN.bits(format, theirs, 6, 99)).isEqualTo(bits(expected, 699));
    }
  }

  @ParameterizedTest
  @EnumSource
  void noAxesAndNoElements(DLPack format) {
    try (Tensor scalar = filled(DType.F64); Tensor empty = cpu.allocate(DType.F16, Shape.of(3, 0))) {
      MemorySegment one = format.lend(scalar);
      MemorySegment none = format.lend(empty);
      assertThat(FOREIGN.field(format, one, Foreign.NDIM)).isZero();
      assertThat(FOREIGN.bits(format, one)).isEqualTo(bits(scalar, 0));
      assertThat(FOREIGN.fields(format, none, Foreign.SHAPE)).containsExactly(3, 0);
      assertThat(FOREIGN.fields(format, none, Foreign.STRIDES)).containsExactly(1, 1);
      assertThat(FOREIGN.field(format, none, Foreign.DATA)).as("no data where there are no elements").isZero();
      FOREIGN.delete(format, one);
      FOREIGN.delete(format, none);
    }
    MemorySegment one = FOREIGN.lend(format, Foreign.Loan.of(DType.F32));
    try (Tensor scalar = format.borrow(one, cpu);
         Tensor empty = format.borrow(FOREIGN.lend(format, Foreign.Loan.of(DType.F32, 0, 5)), cpu)) {
      scalar.copyFrom(2.5);
      assertThat(FOREIGN.bits(format, one)).isEqualTo(Float.floatToIntBits(2.5f));
      assertThat(empty.elements()).isZero();
      cpu.fill(empty, new Distribution.Normal(0, 1), RandomStream.of(0));
    }
  }

  @Test
  void pinnedMemoryOfTheHostIsTheHosts() {
    MemorySegment theirs = FOREIGN.lend(DLPack.VERSIONED, Foreign.Loan.of(DType.F32, 3).device(3, 0));
    try (Tensor tensor = DLPack.VERSIONED.borrow(theirs, cpu)) {
      tensor.copyFrom(1, 2, 3);
      assertThat(FOREIGN.bits(DLPack.VERSIONED, theirs, 1)).isEqualTo(Float.floatToIntBits(2));
    }
  }

  /// That it is a copy changes nothing: it is written in place and given back.
  @Test
  void copiesAreTakenAsTheyAre() {
    MemorySegment theirs = FOREIGN.lend(DLPack.VERSIONED, Foreign.Loan.of(DType.F32, 3).flags(2));
    try (Tensor tensor = DLPack.VERSIONED.borrow(theirs, cpu)) {
      tensor.copyFrom(1, 2, 3);
      assertThat(FOREIGN.bits(DLPack.VERSIONED, theirs, 2)).isEqualTo(Float.floatToIntBits(3));
    }
  }

  @Test
  void readOnlyTensorsAreReadOnly() {
    MemorySegment theirs = FOREIGN.lend(DLPack.VERSIONED, Foreign.Loan.of(DType.F32, 2, 2).flags(1 | 2));
    FOREIGN.setBits(DLPack.VERSIONED, theirs, Float.floatToIntBits(7), 1, 1);
    try (Tensor tensor = DLPack.VERSIONED.borrow(theirs, cpu); Tensor own = filled(DType.F32, 2, 2)) {
      assertThat(tensor.toFloats()).containsExactly(0, 0, 0, 7);
      List<Runnable> writes = List.of(
          () -> cpu.fill(tensor, new Distribution.Constant(1), RandomStream.of(0)),
          () -> Initializers.heNormal().fill(tensor, RandomStream.of(0)),
          () -> Initializers.heNormal().fill(tensor.view(4, Shape.of(1, 3)), RandomStream.of(0)),
          () -> cpu.clear(tensor),
          () -> tensor.copyFrom(1, 2, 3, 4),
          () -> cpu.convert(own, 1, tensor),
          () -> cpu.convert(own, 2, tensor),
          () -> cpu.linearAlgebra().gemm(Op.N, Op.N, 1, own, own, 0, tensor),
          () -> cpu.linearAlgebra().axpy(1, own, tensor),
          () -> cpu.linearAlgebra().qr(tensor));
      for (Runnable write : writes) {
        assertThatThrownBy(write::run).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("is read-only");
      }
      assertThat(tensor.toFloats()).as("nothing was written").containsExactly(0, 0, 0, 7);
      cpu.linearAlgebra().axpy(1, tensor, own);

      MemorySegment lentOn = DLPack.VERSIONED.lend(tensor);
      assertThat(FOREIGN.field(DLPack.VERSIONED, lentOn, Foreign.FLAGS)).as("READ_ONLY, of theirs by us").isEqualTo(1);
      FOREIGN.delete(DLPack.VERSIONED, lentOn);
      assertThatThrownBy(() -> DLPack.LEGACY.lend(tensor)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("VERSIONED");
    }
  }

  static Stream<Arguments> refused() {
    return Stream.<Arguments>of(
        Arguments.of("major version 2", (UnaryOperator<Foreign.Loan>) loan -> loan.major(2)),
        Arguments.of("device of type 7", (UnaryOperator<Foreign.Loan>) loan -> loan.device(7, 0)),
        Arguments.of("on cuda:1 for the device cpu", (UnaryOperator<Foreign.Loan>) loan -> loan.device(2, 1)),
        Arguments.of("code 0, 32 bits and 1 lanes", (UnaryOperator<Foreign.Loan>) loan -> loan.elements(0, 32, 1)),
        Arguments.of("code 2, 32 bits and 4 lanes", (UnaryOperator<Foreign.Loan>) loan -> loan.elements(2, 32, 4)),
        Arguments.of("code 11, 8 bits and 1 lanes", (UnaryOperator<Foreign.Loan>) loan -> loan.elements(11, 8, 1)),
        Arguments.of("code 255, 255 bits and 65535 lanes", (UnaryOperator<Foreign.Loan>) loan -> loan.elements(255, 255, 65535)),
        Arguments.of("of -1 axes", (UnaryOperator<Foreign.Loan>) loan -> loan.axes(-1)),
        Arguments.of("of 1000000 axes", (UnaryOperator<Foreign.Loan>) loan -> loan.axes(1_000_000)),
        Arguments.of("negative extent -3", (UnaryOperator<Foreign.Loan>) loan -> Foreign.Loan.of(DType.F32, -3, 0)),
        Arguments.of("more than 2^63 - 1 elements", (UnaryOperator<Foreign.Loan>) loan -> Foreign.Loan.of(DType.F32, 1L << 40, 1L << 40)),
        Arguments.of("without data", (UnaryOperator<Foreign.Loan>) loan -> loan.memory(0)));
  }

  /// What cannot be borrowed is given back at once.
  @ParameterizedTest
  @MethodSource("refused")
  void otherTensorsAreRefused(String message, UnaryOperator<Foreign.Loan> change) {
    MemorySegment theirs = FOREIGN.lend(DLPack.VERSIONED, change.apply(Foreign.Loan.of(DType.F32, 3, 4)));
    assertThat(FOREIGN.live()).isEqualTo(1);
    assertThatThrownBy(() -> DLPack.VERSIONED.borrow(theirs, cpu))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
    assertThat(FOREIGN.live()).isZero();
  }

  @Test
  void whatCannotBeLentIsRefused() {
    Tensor array = cpu.wrap(MemorySegment.ofArray(new float[3]), DType.F32, Slice.of(Shape.of(3)));
    assertThatThrownBy(() -> DLPack.VERSIONED.lend(array)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("Java array");
    Tensor freed = filled(DType.F32, 3);
    Tensor view = freed.view(4, Shape.of(2));
    freed.close();
    assertThatThrownBy(() -> DLPack.VERSIONED.lend(freed)).isInstanceOf(IllegalStateException.class).hasMessageContaining("has been freed");
    assertThatThrownBy(() -> DLPack.VERSIONED.lend(view)).isInstanceOf(IllegalStateException.class).hasMessageContaining("has been freed");
    assertThatThrownBy(() -> DLPack.VERSIONED.borrow(MemorySegment.NULL, cpu)).isInstanceOf(IllegalArgumentException.class);
  }

  /// The consumer has the memory until its deleter, which a thread calls that Java has never seen.
  @Test
  void closingWaitsForTheConsumer() {
    Tensor tensor = filled(DType.F32, 1000);
    long last = bits(tensor, 999);
    MemorySegment first = DLPack.VERSIONED.lend(tensor);
    MemorySegment second = DLPack.VERSIONED.lend(tensor.view(4 * 999, Shape.of(1)));
    tensor.close();
    assertThatThrownBy(() -> DLPack.VERSIONED.lend(tensor)).isInstanceOf(IllegalStateException.class);
    assertThat(cpu.allocatedBytes()).isEqualTo(4000);
    assertThatThrownBy(cpu::close).isInstanceOf(IllegalStateException.class).hasMessageContaining("2 of its tensors are held");
    FOREIGN.delete(DLPack.VERSIONED, first);
    assertThat(cpu.allocatedBytes()).as("the view is still lent").isEqualTo(4000);
    assertThat(FOREIGN.bits(DLPack.VERSIONED, second, 0)).isEqualTo(last);
    FOREIGN.deleteElsewhere(second);
    assertThat(cpu.allocatedBytes()).isZero();
    tensor.close();
  }

  /// The consumer's fault, which must not free the memory a second time.
  @Test
  void deleterCalledAgainFreesNothing() {
    try (Tensor tensor = filled(DType.F32, 1000)) {
      MemorySegment first = DLPack.VERSIONED.lend(tensor);
      MemorySegment second = DLPack.VERSIONED.lend(tensor);
      FOREIGN.delete(DLPack.VERSIONED, first);
      FOREIGN.delete(DLPack.VERSIONED, first);
      assertThatThrownBy(cpu::close).hasMessageContaining("1 of its tensors are held");
      FOREIGN.delete(DLPack.VERSIONED, second);
      assertThat(tensor.toFloats()).hasSize(1000);
    }
  }

  @Test
  void producerMayHaveNoDeleter() {
    MemorySegment theirs = FOREIGN.lend(DLPack.VERSIONED, Foreign.Loan.of(DType.F32, 3));
    FOREIGN.deleter(theirs, false);
    DLPack.VERSIONED.borrow(theirs, cpu).close();
    assertThat(FOREIGN.live()).isEqualTo(1);
    FOREIGN.deleter(theirs, true);
    FOREIGN.delete(DLPack.VERSIONED, theirs);
  }

  @Test
  void borrowedTensorIsGivenBackOnceByAnyThread() throws InterruptedException {
    Tensor tensor = DLPack.VERSIONED.borrow(FOREIGN.lend(DLPack.VERSIONED, Foreign.Loan.of(DType.F32, 3)), cpu);
    Tensor view = tensor.view(0, Shape.of(2));
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      threads.add(Thread.ofPlatform().start(tensor::close));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(FOREIGN.live()).isZero();
    assertThatThrownBy(() -> tensor.memory().get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> view.memory().get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
  }

  /// Closed while it is lent on, it is given back by the last consumer.
  @Test
  void borrowedTensorIsLentOn() {
    MemorySegment theirs = FOREIGN.lend(DLPack.LEGACY, Foreign.Loan.of(DType.F32, 3));
    Tensor tensor = DLPack.LEGACY.borrow(theirs, cpu);
    MemorySegment lentOn = DLPack.VERSIONED.lend(tensor);
    tensor.close();
    assertThat(FOREIGN.live()).isEqualTo(1);
    FOREIGN.delete(DLPack.VERSIONED, lentOn);
    assertThat(FOREIGN.live()).isZero();
  }

  /// By several threads, so many that a leak of one in a hundred would be seen.
  @Test
  void roundTripsLeaveNothing() throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    for (int n = 0; n < 4; n++) {
      threads.add(Thread.ofPlatform().uncaughtExceptionHandler((_, e) -> failures.add(e)).start(() -> roundTrips(cpu, FOREIGN, 500)));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
  }

  /// Each way `count` times, ours through the library and back as well.
  static void roundTrips(Device device, Foreign foreign, int count) {
    for (int i = 0; i < count; i++) {
      try (Tensor tensor = device.allocate(DType.F32, Shape.of(4, 25))) {
        device.fill(tensor, new Distribution.Constant(i), RandomStream.of(0));
        try (Tensor back = DLPack.VERSIONED.borrow(DLPack.VERSIONED.lend(tensor), device)) {
          if (back.toFloats()[99] != i) {
            throw new AssertionError("value " + back.toFloats()[99] + " for " + i);
          }
        }
        foreign.deleteElsewhere(DLPack.VERSIONED.lend(tensor));
      }
      MemorySegment theirs = foreign.lend(DLPack.VERSIONED, Foreign.Loan.of(DType.BF16, 5, 20));
      foreign.deleter(theirs, true);
      try (Tensor tensor = DLPack.VERSIONED.borrow(theirs, device)) {
        device.fill(tensor, new Distribution.Normal(0, 1), RandomStream.of(i));
      }
    }
  }

  /// The device that cannot take the memory gives it back as well.
  @Test
  void memoryTheDeviceRefusesIsGivenBack() {
    MemorySegment theirs = FOREIGN.lend(DLPack.VERSIONED, Foreign.Loan.of(DType.F32, 3));
    Device refusing = (Device) Proxy.newProxyInstance(DLPackTest.class.getClassLoader(), new Class<?>[] {Device.class},
        (_, method, _) -> {
          if (method.getName().equals("name")) {
            return "cpu";
          }
          throw new IllegalArgumentException("refused by the device");
        });
    assertThatThrownBy(() -> DLPack.VERSIONED.borrow(theirs, refusing)).hasMessage("refused by the device");
    assertThat(FOREIGN.live()).isZero();
  }

  /// Memory of the caller's is lent as it is, and kept as long as Java can.
  @Test
  void wrappedMemoryIsLent() {
    MemorySegment lent;
    try (Tensor tensor = cpu.wrap(Arena.ofAuto().allocate(12), DType.F32, Slice.of(Shape.of(3)))) {
      tensor.copyFrom(1, 2, 3);
      lent = DLPack.VERSIONED.lend(tensor);
    }
    assertThat(FOREIGN.bits(DLPack.VERSIONED, lent, 2)).isEqualTo(Float.floatToIntBits(3));
    FOREIGN.delete(DLPack.VERSIONED, lent);
  }
}
