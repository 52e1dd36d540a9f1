package io.expertlane.kernel.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import io.expertlane.kernel.moe.violation.AgronaInSignatures;
import io.expertlane.kernel.moe.violation.UsesDevice;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the kernel may know. Each rule is also held against a class that breaks it. */
class ArchitectureTest {
    private static final ArchRule NO_UPWARD_DEPENDENCY = noClasses().that().resideInAPackage("io.expertlane.kernel..")
        .should().dependOnClassesThat().resideInAnyPackage("io.expertlane.nic..", "io.expertlane.bench..");

    private static final ArchRule NO_LIBRARY_IN_PUBLIC_API = classes()
        .that().resideInAnyPackage("io.expertlane.kernel.moe..", "io.expertlane.kernel.exchange..")
        .should(new PublicApiOnlyOf(List.of("org.agrona.", "org.jctools.", "net.openhft.")));

    private static JavaClasses kernel() {
        return new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.expertlane.kernel");
    }

    @Test
    void kernelKnowsNeitherTheDeviceNorTheBenchmarks() {
        assertThat(kernel()).isNotEmpty();
        NO_UPWARD_DEPENDENCY.check(kernel());
        final JavaClasses violating = new ClassFileImporter().importClasses(UsesDevice.class);
        assertThatThrownBy(() -> NO_UPWARD_DEPENDENCY.check(violating)).isInstanceOf(AssertionError.class)
            .hasMessageContaining("UsesDevice");
    }

    @Test
    void publicApiOfMoeAndExchangeIsFreeOfLibraries() {
        NO_LIBRARY_IN_PUBLIC_API.check(kernel());
        final JavaClasses violating = new ClassFileImporter().importClasses(AgronaInSignatures.class);
        assertThatThrownBy(() -> NO_LIBRARY_IN_PUBLIC_API.check(violating)).isInstanceOf(AssertionError.class)
            .hasMessageContaining("AgronaInSignatures.field ").hasMessageContaining("AgronaInSignatures.result(")
            .hasMessageContaining("AgronaInSignatures.parameter(")
            .hasMessageContaining("AgronaInSignatures.typeArgument(").hasMessageContaining("AgronaInSignatures.<init>(")
            .hasMessageContaining("AgronaInSignatures> ")
            .satisfies(e -> assertThat(e.getMessage()).doesNotContain("hidden"));
    }
}
