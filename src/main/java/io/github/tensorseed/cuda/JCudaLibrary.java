package io.github.tensorseed.cuda;

import io.github.tensorseed.DeviceUnavailableException;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// JCuda's native libraries, which its classes load when they are initialized.
///
/// They unpack them under a fixed name into the folder for temporary files, or take what is there under that name, whoever put it there. So
/// they are initialized here first, while that folder is one of our own.
public final class JCudaLibrary {
  private static final String CLASS = "jcuda.driver.JCudaDriver";
  private static final String FOLDER = "java.io.tmpdir";
  private static final Pattern REASON = Pattern.compile("(?m)^(?:Caused by: )?[\\w.]+(?:Error|Exception): (.+)$");

  /// A class is initialized once, by one thread, and so is the library.
  private static final class Load {
    static final @Nullable DeviceUnavailableException PROBLEM;

    static {
      DeviceUnavailableException problem = null;
      try {
        load(CLASS);
      } catch (DeviceUnavailableException e) {
        problem = e;
      }
      PROBLEM = problem;
    }
  }

  private JCudaLibrary() {}

  /// @throws DeviceUnavailableException if the library cannot be loaded, with the reason and the remedy
  static void require() {
    if (Load.PROBLEM != null) {
      throw new DeviceUnavailableException(String.valueOf(Load.PROBLEM.getMessage()), Load.PROBLEM);
    }
  }

  /// Initializes a class of JCuda. What it loads stays when its file is gone.
  ///
  /// @throws DeviceUnavailableException if its library cannot be loaded, with the reason and the remedy
  static synchronized void load(String className) {
    String before = System.getProperty(FOLDER);
    try (PrivateFolder own = PrivateFolder.make()) {
      System.setProperty(FOLDER, own.path().toString());
      Class.forName(className, true, JCudaLibrary.class.getClassLoader());
    } catch (IOException | UnsupportedOperationException e) {
      throw new DeviceUnavailableException("JCuda's library cannot be unpacked (" + e.getMessage() + "); start Java with -D" + FOLDER
          + "= a folder that can be written", e);
    } catch (ClassNotFoundException e) {
      throw new DeviceUnavailableException(className + " is not on the class path; add JCuda 11.7.0 with its natives", e);
    } catch (LinkageError e) {
      throw new DeviceUnavailableException("JCuda's library does not load (" + reason(e) + "); it needs Linux x86_64, and a folder for"
          + " temporary files (-D" + FOLDER + ") from which programs may run", e);
    } finally {
      if (before == null) {
        System.clearProperty(FOLDER);
      } else {
        System.setProperty(FOLDER, before);
      }
    }
  }

  /// What lies where these classes by themselves would look for their libraries, and is not used, whoever put it there.
  public static List<Path> unused() {
    List<Path> unused = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of(System.getProperty(FOLDER)), "libJC*-linux-x86_64.so")) {
      files.forEach(unused::add);
    } catch (IOException | DirectoryIteratorException e) {
      // A folder that cannot be read; JCuda would find nothing either.
    }
    Collections.sort(unused);
    return unused;
  }

  /// The innermost reason: JCuda puts whole stack traces into a message.
  private static String reason(LinkageError error) {
    String reason = String.valueOf(error.getMessage()).lines().findFirst().orElse("");
    Matcher matcher = REASON.matcher(String.valueOf(error.getMessage()));
    while (matcher.find()) {
      reason = matcher.group(1);
    }
    return reason;
  }
}
