package io.github.tensorseed;

/// A device failed at something it should have been able to do; the message has the call and the name of its error.
public class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public DeviceException(String message) {
    super(message);
  }

  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
