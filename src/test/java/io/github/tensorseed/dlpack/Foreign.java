package io.github.tensorseed.dlpack;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.tensorseed.DType;
import io.github.tensorseed.Fork;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/// The other library, src/test/dlpack/foreign.c: builds it and calls it.
@SuppressWarnings("restricted")
final class Foreign {
  static final int MAJOR = 0;
  static final int MINOR = 1;
  static final int FLAGS = 2;
  static final int DEVICE_TYPE = 3;
  static final int DEVICE_ID = 4;
  static final int NDIM = 5;
  static final int CODE = 6;
  static final int BITS = 7;
  static final int LANES = 8;
  static final int BYTE_OFFSET = 9;
  static final int DATA = 10;
  static final int SHAPE = 20;
  static final int STRIDES = 100;

  /// What a tensor is to be when this library lends it; the numbers are those of dlpack.h.
  static final class Loan {
    /// device_type, device_id, code, bits, lanes, ndim, byte_offset, flags, major, whether there are strides.
    private final long[] head;
    private final long[] shape;
    private final long[] strides;
    private final long bytes;
    private final long data;

    private Loan(long[] head, long[] shape, long[] strides, long bytes, long data) {
      this.head = head;
      this.shape = shape;
      this.strides = strides;
      this.bytes = bytes;
      this.data = data;
    }

    /// A packed one on the host, without strides.
    static Loan of(DType dtype, long... shape) {
      long elements = LongStream.of(shape).reduce(1, (a, b) -> a * b);
      return new Loan(new long[] {1, 0, Foreign.code(dtype), 8L * dtype.bytes(), 1, shape.length, 0, 0, 1, 0}, shape, new long[0],
          elements * dtype.bytes(), 0);
    }

    private Loan with(int place, long... numbers) {
      long[] changed = head.clone();
      System.arraycopy(numbers, 0, changed, place, numbers.length);
      return new Loan(changed, shape, strides, bytes, data);
    }

    Loan device(long type, long id) {
      return with(0, type, id);
    }

    Loan elements(long code, long bits, long lanes) {
      return with(2, code, bits, lanes);
    }

    Loan axes(long ndim) {
      return with(5, ndim);
    }

    Loan offset(long bytes) {
      return with(6, bytes);
    }

    Loan flags(long flags) {
      return with(7, flags);
    }

    Loan major(long major) {
      return with(8, major);
    }

    Loan strides(long... strides) {
      return new Loan(with(9, 1).head, shape, strides, bytes, data);
    }

    /// So many bytes are allocated.
    Loan memory(long bytes) {
      return new Loan(head, shape, strides, bytes, data);
    }

    /// Of memory that is there.
    Loan at(long data) {
      return new Loan(head, shape, strides, 0, data);
    }

    private long[] numbers() {
      return Stream.of(head, shape, strides).flatMapToLong(Arrays::stream).toArray();
    }
  }

  private final SymbolLookup symbols;

  Foreign(Path library) {
    symbols = SymbolLookup.libraryLookup(library, Arena.global());
  }

  static Foreign load() {
    return new Foreign(build("libforeign.so"));
  }

  /// Compiles it, if that has not been done since it was changed.
  static synchronized Path build(String name, String... flags) {
    Path source = Path.of("src", "test", "dlpack", "foreign.c");
    Path library = Path.of("target", "dlpack", name).toAbsolutePath();
    if (library.toFile().lastModified() > source.toFile().lastModified()) {
      return library;
    }
    try {
      Path part = Files.createDirectories(library.getParent()).resolve(name + "." + ProcessHandle.current().pid());
      List<String> command = new ArrayList<>(
          List.of("gcc", "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"));
      command.addAll(List.of(flags));
      command.addAll(List.of("-o", part.toString(), source.toString()));
      Fork fork = Fork.run(Map.of(), command);
      if (fork.code() != 0) {
        throw new IllegalStateException(fork.err());
      }
      return Files.move(part, library, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      if (System.getenv("CI") == null) {
        Assumptions.abort("gcc is not there, and the library that stands for others is built with it: install gcc");
      }
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /// The number in dlpack.h, version 1.1: kDLFloat, kDLBfloat, kDLFloat8_e4m3fn, kDLFloat8_e5m2.
  static long code(DType dtype) {
    return switch (dtype) {
      case F64, F32, F16 -> 2;
      case BF16 -> 4;
      case F8_E4M3 -> 10;
      case F8_E5M2 -> 12;
    };
  }

  private static int versioned(DLPack format) {
    return format == DLPack.VERSIONED ? 1 : 0;
  }

  /// Tensors that it has lent and not got back.
  long live() {
    return (long) invoke("live", JAVA_LONG);
  }

  /// Deleters that were called again.
  long twice() {
    return (long) invoke("twice", JAVA_LONG);
  }

  long field(DLPack format, MemorySegment managed, long field) {
    return (long) invoke("field", JAVA_LONG, managed, versioned(format), field);
  }

  long[] fields(DLPack format, MemorySegment managed, int first) {
    return LongStream.range(0, field(format, managed, NDIM)).map(axis -> field(format, managed, first + axis)).toArray();
  }

  /// The bits of an element, where this library finds it.
  long bits(DLPack format, MemorySegment managed, long... index) {
    try (Arena arena = Arena.ofConfined()) {
      return (long) invoke("bits", JAVA_LONG, managed, versioned(format), arena.allocateFrom(JAVA_LONG, index));
    }
  }

  void setBits(DLPack format, MemorySegment managed, long bits, long... index) {
    try (Arena arena = Arena.ofConfined()) {
      invoke("set_bits", null, managed, versioned(format), arena.allocateFrom(JAVA_LONG, index), bits);
    }
  }

  void delete(DLPack format, MemorySegment managed) {
    invoke("delete", null, managed, versioned(format));
  }

  void deleteElsewhere(MemorySegment managed) {
    if ((int) invoke("delete_elsewhere", JAVA_INT, managed) != 0) {
      throw new IllegalStateException("no thread");
    }
  }

  MemorySegment lend(DLPack format, Loan loan) {
    try (Arena arena = Arena.ofConfined()) {
      return (MemorySegment) invoke(
          "lend", ADDRESS, versioned(format), loan.bytes, loan.data, arena.allocateFrom(JAVA_LONG, loan.numbers()));
    }
  }

  /// A versioned tensor whose deleter frees all of it, or that has none.
  void deleter(MemorySegment managed, boolean whether) {
    invoke("deleter", null, managed, whether ? 1 : 0);
  }

  private Object invoke(String name, @Nullable MemoryLayout result, Object... arguments) {
    MemoryLayout[] types = Arrays.stream(arguments).map(argument -> switch (argument) {
      case Integer _ -> JAVA_INT;
      case Long _ -> JAVA_LONG;
      default -> ADDRESS;
    }).toArray(MemoryLayout[]::new);
    FunctionDescriptor type = result == null ? FunctionDescriptor.ofVoid(types) : FunctionDescriptor.of(result, types);
    try {
      return Linker.nativeLinker().downcallHandle(symbols.find("foreign_" + name).orElseThrow(), type).invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException(name, e);
    }
  }
}
