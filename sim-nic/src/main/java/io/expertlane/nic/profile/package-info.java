/**
 * Parameter sets of NICs, hosts and fabrics: records that a JSON object maps onto field by field, each constant with
 * its unit, range and source, validated when made. Holds no behaviour beyond unit conversion.
 */
package io.expertlane.nic.profile;
