package aria.s3batch.ops;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

import java.time.Clock;
import java.time.Instant;
import java.util.Random;

/** What Maven's modules alone do not refuse. */
@AnalyzeClasses(packages = "aria.s3batch", importOptions = DoNotIncludeTests.class)
final class ModuleBoundaryTest {
    @ArchTest
    static final ArchRule arrowsPointDown =
            layeredArchitecture()
                    .consideringOnlyDependenciesInLayers()
                    .layer("ops")
                    .definedBy("aria.s3batch.ops..")
                    .layer("daemon")
                    .definedBy("aria.s3batch.daemon..")
                    .layer("recovery")
                    .definedBy("aria.s3batch.recovery..")
                    .layer("diskcache")
                    .definedBy("aria.s3batch.diskcache..")
                    .layer("s3block")
                    .definedBy("aria.s3batch.s3block..")
                    .layer("format")
                    .definedBy("aria.s3batch.format..")
                    .whereLayer("ops")
                    .mayNotBeAccessedByAnyLayer()
                    .whereLayer("daemon")
                    .mayOnlyBeAccessedByLayers("ops")
                    .whereLayer("recovery")
                    .mayOnlyBeAccessedByLayers("ops", "daemon")
                    .whereLayer("diskcache")
                    .mayOnlyBeAccessedByLayers("ops", "daemon", "recovery")
                    .whereLayer("s3block")
                    .mayOnlyBeAccessedByLayers("ops", "daemon", "recovery");

    @ArchTest
    static final ArchRule onlyS3blockKnowsTheAwsSdk =
            noClasses()
                    .that()
                    .resideOutsideOfPackages("..s3block..", "..ops.demo..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("software.amazon.awssdk..")
                    .because("the object store is a seam: everything else works on ObjectStore");

    @ArchTest
    static final ArchRule onlyRecoveryKnowsRocksDb =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("..recovery..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("org.rocksdb..")
                    .because("the journal is a seam: everything else works on CommitJournal");

    @ArchTest
    static final ArchRule onlyDiskcacheKnowsChronicleMap =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("..diskcache..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("net.openhft..")
                    .because("the page index may be rebuilt in another way");

    @ArchTest
    static final ArchRule timeAndRandomnessAreHandedIn =
            noClasses()
                    .that()
                    .resideInAnyPackage(
                            "..format..", "..s3block..", "..diskcache..", "..recovery..")
                    .should()
                    .callMethod(System.class, "currentTimeMillis")
                    .orShould()
                    .callMethod(System.class, "nanoTime")
                    .orShould()
                    .callMethod(Instant.class, "now")
                    .orShould()
                    .callMethod(Clock.class, "systemUTC")
                    .orShould()
                    .callConstructor(Random.class)
                    .orShould()
                    .callMethod(Math.class, "random")
                    .because("the simulator runs the same code on a clock and a seed of its own");
}
