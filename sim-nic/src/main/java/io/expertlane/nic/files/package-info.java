/**
 * Temporary files and folders, named so that what a killed process left behind can be told from what a live one writes.
 * Knows nothing of what is in them.
 */
package io.expertlane.nic.files;
