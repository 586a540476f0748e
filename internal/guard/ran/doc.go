// Package ran looks that the tests which the documents name are there and, given the record of a test run, that each of them ran in it and passed:
// a page that says what is shown by which test is worth what those tests are.
//
// It stands beside the other guards in a package of its own because it is run once more after all others: scripts/all-tests.sh runs every test,
// keeps what `go test -json` tells in a file, and then runs this package with WADM_TEST_EVENTS naming the file. It has no code outside its tests,
// and nothing imports it.
package ran
