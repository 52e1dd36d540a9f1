package io.expertlane.nic.profile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProfileTest {
    /** Every field of every record refuses values outside its range, and says which field it was. */
    @Test
    void everyFieldIsChecked() throws ReflectiveOperationException {
        final ClusterProfile cluster = ClusterProfile.ofName("h20-cx7-dual");
        for (final Record record : List.of(cluster.nic(), cluster.nic().pcie(), cluster.nic().contextCache(),
            cluster.nic().recovery(),
            cluster.nic().completions(), cluster.nic().translationCache(),
            cluster.host(), cluster.host().kernels(), cluster.fabric(), cluster.fabric().switches(),
            cluster.fabric().switches().pause(), cluster.fabric().switches().marking(),
            cluster.fabric().switches().rateControl(), cluster.inNode(), cluster.gpu())) {
            final RecordComponent[] components = record.getClass().getRecordComponents();
            final Object[] values = new Object[components.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = components[i].getAccessor().invoke(record);
            }
            for (int i = 0; i < values.length; i++) {
                for (final Object bad : badValues(components[i].getType())) {
                    final Object[] changed = values.clone();
                    changed[i] = bad;
                    assertThatThrownBy(() -> construct(record.getClass(), components, changed))
                        .as(components[i].getName() + "=" + bad).isInstanceOf(IllegalArgumentException.class)
                        .message().contains("." + components[i].getName());
                }
            }
        }
    }

    private static List<?> badValues(final Class<?> type) {
        if (type == int.class) {
            return List.of(-1, Integer.MAX_VALUE);
        }
        if (type == double.class) {
            return List.of(-1.0, Double.NaN, Double.POSITIVE_INFINITY);
        }
        return type == boolean.class ? List.of() : Arrays.asList((Object) null);
    }

    private static void construct(final Class<?> type, final RecordComponent[] components, final Object[] values)
        throws Throwable {
        final Constructor<?> constructor =
            type.getDeclaredConstructor(Arrays.stream(components).map(RecordComponent::getType).toArray(Class[]::new));
        try {
            constructor.newInstance(values);
        } catch (final InvocationTargetException e) {
            throw e.getCause();
        }
    }

    @Test
    void unknownClustersAreRefusedWithTheKnownNames() {
        assertThat(ClusterProfile.names()).contains(ClusterProfile.DEFAULT_NAME);
        assertThatThrownBy(() -> ClusterProfile.ofName("h21")).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("cluster=h21 must be one of h20-cx7-dual, h800-cx7, h100-cx7, h20-roce");
    }
}
