// Package guard holds the rules of this project that a compiler does not know, each as a test.
//
//   - TestFloors: imports go one way, and every package has its floor (docs/architecture.md).
//   - TestCoreIsPure: the core has no clock, no goroutine, no I/O, and no output in the order of a map.
//   - TestWords: one word per thing (docs/words.md).
//   - TestSizes: functions, files and interfaces stay small.
//   - TestStandsAlone: nothing in the repository needs the machine it was written on.
//   - TestSeedPlacesExist: docs/seed.md promises nothing that is not there, and says what shows and proves each part.
//   - TestConformanceNamesTests: docs/conformance.md names for each case a test that mentions it.
//   - TestLinksLeadSomewhere: what a page links to inside the repository is there.
//   - TestBothLanguagesSayTheSame: a page in two languages has the same code blocks, titles and tables in both.
//   - TestNamedTestsRan, in the package ran: whatever test a page names is there, and ran.
//
// Each rule is a function from source to findings, tried out on the bad samples in testdata before it is trusted
// with the real tree: a guard that cannot fail guards nothing. The package has no code outside its tests, and
// nothing imports it. To change a rule, change its table here and write down why in docs/decisions.
package guard
