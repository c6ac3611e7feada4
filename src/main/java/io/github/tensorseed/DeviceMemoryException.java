package io.github.tensorseed;

/// A device has not enough memory for a tensor.
public class DeviceMemoryException extends DeviceException {
  private static final long serialVersionUID = 1;

  private final long requested;
  private final long free;

  /// @param requested bytes asked for
  /// @param free bytes that were free, or -1 where the device does not tell
  public DeviceMemoryException(String device, long requested, long free, Throwable cause) {
    super(device + " has no room for " + requested + " bytes" + (free < 0 ? "" : " (" + free + " are free)"), cause);
    this.requested = requested;
    this.free = free;
  }

  public long requested() {
    return requested;
  }

  public long free() {
    return free;
  }
}
