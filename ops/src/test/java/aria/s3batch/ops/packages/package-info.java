/**
 * The Debian package: {@link PackageTest} looks into the one that {@code mvn -Ppackage} has made, {@link
 * InstalledPackageTest} installs, upgrades and purges it in a root directory of its own ({@link CleanRoot}), {@link
 * NewcomerTest} boots that and follows the documents.
 */
@NullMarked
package aria.s3batch.ops.packages;

import org.jspecify.annotations.NullMarked;
