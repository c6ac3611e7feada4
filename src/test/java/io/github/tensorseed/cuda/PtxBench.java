package io.github.tensorseed.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// The emulated driver in this process with one context, for tests of PTX texts.
final class PtxBench {
  static final String HEADER = ".version 7.0\n.target sm_70\n.address_size 64\n";
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  final Emulator driver = Emulator.inProcess();
  private final Arena arena = Arena.ofAuto();
  private final MemorySegment out = arena.allocate(16);

  PtxBench(String options) {
    driver.reset(options);
    check("cuInit", 0);
    long context = made("cuDevicePrimaryCtxRetain", 0);
    check("cuCtxSetCurrent", context);
  }

  int call(String function, Object... arguments) {
    return driver.call(function, arguments);
  }

  void check(String function, Object... arguments) {
    int code = call(function, arguments);
    if (code != 0) {
      throw new AssertionError(function + ": " + code + "\n" + driver.report());
    }
  }

  /// Calls a function whose first parameter receives a handle or an address.
  long made(String function, Object... arguments) {
    check(function, withResult(arguments));
    return result();
  }

  Object[] withResult(Object... arguments) {
    Object[] all = new Object[arguments.length + 1];
    all[0] = out;
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    return all;
  }

  long result() {
    return out.get(ValueLayout.JAVA_LONG, 0);
  }

  /// The code of loading a module of that text.
  int load(String text) {
    return call("cuModuleLoadData", withResult(arena.allocateFrom(text)));
  }

  long allocate(long bytes) {
    return made("cuMemAlloc_v2", bytes);
  }

  long upload(long[] values, int bytes) {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment host = local.allocate(8L * values.length);
      for (int i = 0; i < values.length; i++) {
        // Little-endian: the low bytes come first, and the next value overwrites the rest.
        if ((long) (i + 1) * bytes + 8 <= host.byteSize()) {
          host.set(LONG, (long) i * bytes, values[i]);
        } else {
          for (int b = 0; b < bytes; b++) {
            host.set(ValueLayout.JAVA_BYTE, (long) i * bytes + b, (byte) (values[i] >> (8 * b)));
          }
        }
      }
      long address = allocate((long) values.length * bytes);
      check("cuMemcpyHtoD_v2", address, host, (long) values.length * bytes);
      return address;
    }
  }

  long[] download(long address, int count, int bytes) {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment host = local.allocate((long) count * bytes + 8);
      check("cuMemcpyDtoH_v2", host, address, (long) count * bytes);
      long[] values = new long[count];
      for (int i = 0; i < count; i++) {
        values[i] = host.get(LONG, (long) i * bytes) & -1L >>> (64 - 8 * bytes);
      }
      return values;
    }
  }

  /// Launches the entry `k` of a text on stream 0, all of whose parameters are 64-bit numbers.
  int launch(String text, int blocks, int threads, long... parameters) {
    int code = load(text);
    if (code != 0) {
      throw new AssertionError("load: " + code + "\n" + driver.report() + text);
    }
    return launch(function(result(), "k"), 0L, blocks, threads, parameters);
  }

  int launch(long function, long stream, int blocks, int threads, long... parameters) {
    return launch(function, stream, new int[] {blocks, 1, 1}, new int[] {threads, 1, 1}, parameters);
  }

  int launch(long function, long stream, int[] grid, int[] block, long... parameters) {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment values = local.allocateFrom(ValueLayout.JAVA_LONG, parameters);
      MemorySegment pointers = local.allocate(ValueLayout.ADDRESS, Math.max(1, parameters.length));
      for (int i = 0; i < parameters.length; i++) {
        pointers.setAtIndex(ValueLayout.ADDRESS, i, values.asSlice(8L * i));
      }
      return call("cuLaunchKernel", function, grid[0], grid[1], grid[2], block[0], block[1], block[2], 0, stream, pointers,
          MemorySegment.NULL);
    }
  }

  long function(String text) {
    return function(module(text), "k");
  }

  long module(String text) {
    return made("cuModuleLoadData", arena.allocateFrom(text));
  }

  long function(long module, String entry) {
    return made("cuModuleGetFunction", module, arena.allocateFrom(entry));
  }
}
