/// Opens a device by its name, and says of every device why it can or cannot be used.
@NullMarked
package io.github.tensorseed.device;

import org.jspecify.annotations.NullMarked;
