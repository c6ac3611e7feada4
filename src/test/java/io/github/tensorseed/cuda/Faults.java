package io.github.tensorseed.cuda;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceMemoryException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.driver.CUresult;
import org.jspecify.annotations.Nullable;

/// Every call of the driver that opening, filling, copying and closing makes fails once, as a program on the emulated driver. Its argument
/// is the driver's mode.
final class Faults {
  private static final long CHUNK = 64 << 10;
  private static final int ELEMENTS = 40_000;
  private static final Pattern INJECTED = Pattern.compile("(\\w+?)(?:_v\\d)? \\(call \\d+\\): \\w+: injected.*");

  private static final Emulator DRIVER = Emulator.ofProcess();

  private Faults() {}

  public static void main(String[] arguments) throws Exception {
    Driver.require(); // the only look at the driver
    String mode = arguments[0];
    int ordinary = 0;
    while (atCall(mode, "*", ordinary + 1, 1)) {
      ordinary++;
    }
    int memory = 0;
    while (atCall(mode, "cuMemAlloc", memory + 1, Codes.OUT_OF_MEMORY)) {
      memory++;
    }
    int sticky = 0;
    for (String function : new String[] {"kernel", "cuLaunchKernel", "cuEventSynchronize", "cuStreamSynchronize"}) {
      for (int call = 1; atCall(mode, function, call, 700); call++) {
        sticky++;
      }
    }
    System.out.println(ordinary + " ordinary, " + memory + " of memory, " + sticky + " sticky");
  }

  /// Lets one call fail, in a thread of its own, on whose stack of contexts nobody else has put something.
  ///
  /// @return whether there was such a call
  private static boolean atCall(String mode, String function, int call, int code) throws Exception {
    DRIVER.reset(mode);
    require(DRIVER.call("cuInit", 0) == 0, "cuInit");
    String place = function + ":" + (function.equals("*") ? call + DRIVER.calls("*") : call) + ":" + code;
    DRIVER.configure("fail=" + place);
    AtomicReference<@Nullable Throwable> problem = new AtomicReference<>();
    AtomicReference<@Nullable DeviceException> told = new AtomicReference<>();
    Thread thread = new Thread(() -> {
      try {
        told.set(scenario());
      } catch (Throwable e) {
        problem.set(e);
      }
    });
    thread.start();
    thread.join();
    if (problem.get() != null) {
      throw new AssertionError("at " + place, problem.get());
    }
    JsonNode report = new ObjectMapper().readTree(DRIVER.report());
    if (!report.get("faults").get(0).get("fired").asText().equals("true")) {
      require(told.get() == null, "nothing failed, but " + told.get());
      return false;
    }
    check(place, code, told.get(), report);
    return true;
  }

  private static void check(String place, int code, @Nullable DeviceException told, JsonNode report) {
    String name = CUresult.stringFor(code);
    if (told == null) {
      throw new AssertionError("at " + place + " nobody was told; " + report.get("log"));
    }
    String message = told instanceof DeviceMemoryException ? told + ": " + told.getCause() : String.valueOf(told.getMessage());
    require(message.contains(name + " (" + code + ")"), "at " + place + ": " + message);
    if (!place.startsWith("kernel")) {
      String failed = injected(report);
      require(message.contains(failed), "at " + place + " " + failed + " failed, and the message is: " + message);
      require(code != Codes.OUT_OF_MEMORY || told instanceof DeviceMemoryException, "at " + place + ": " + told);
    }
    if (Codes.losesContext(code)) {
      require(message.contains("launch") && message.contains("start the program anew"), "at " + place + ": " + message);
    } else {
      requireNothing(report, place);
    }
    require(report.get("leaks").isEmpty(), "at " + place + " leaks " + report.get("leaks"));
    Thread opening = new Thread(() -> reopen(place, code));
    AtomicReference<@Nullable Throwable> problem = new AtomicReference<>();
    opening.setUncaughtExceptionHandler((_, e) -> problem.set(e));
    opening.start();
    try {
      opening.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    require(problem.get() == null, "at " + place + ": " + problem.get());
  }

  private static void requireNothing(JsonNode report, String place) {
    for (JsonNode count : report.get("live")) {
      require(count.asInt() == 0, "at " + place + " are left " + report.get("live"));
    }
    require(report.get("destroyed_with_context").isEmpty(), "at " + place + ": " + report.get("destroyed_with_context"));
  }

  private static void reopen(String place, int code) {
    try (CudaDevice again = CudaDevice.open(0, CHUNK)) {
      require(!Codes.losesContext(code), "at " + place + ": a lost context was opened");
      again.synchronize();
    } catch (DeviceUnavailableException e) {
      require(Codes.losesContext(code) && String.valueOf(e.getMessage()).contains("the CUDA context is lost"), "at " + place + ": " + e);
    }
  }

  private static String injected(JsonNode report) {
    for (JsonNode line : report.get("log")) {
      Matcher matcher = INJECTED.matcher(line.asText());
      if (matcher.matches()) {
        return matcher.group(1);
      }
    }
    throw new AssertionError("no injected fault in " + report.get("log"));
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  /// What a program does, and what it is told.
  private static @Nullable DeviceException scenario() {
    DeviceException told = null;
    CudaDevice device;
    try {
      device = CudaDevice.open(0, CHUNK);
    } catch (DeviceUnavailableException e) {
      return e;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(4L * ELEMENTS);
      Distribution law = new Distribution.Normal(0, 1);
      try (Tensor tensor = device.allocate(DType.F32, Shape.of(ELEMENTS))) {
        device.fill(tensor, law, RandomStream.of(42));
        device.write(tensor, 64, host.asSlice(64));
        device.read(tensor, 0, host);
        device.synchronize();
      }
      device.fill(host, DType.BF16, Slice.of(Shape.of(ELEMENTS)), law, RandomStream.of(42));
    } catch (DeviceException e) {
      told = e;
    }
    try {
      device.close();
    } catch (DeviceException e) {
      told = told == null ? e : told;
    }
    require(device.allocatedBytes() == 0, device.allocatedBytes() + " bytes are allocated after closing");
    return told;
  }
}
