package wadmapi

import "testing"

func TestTheStateInTheWordsOfGeneration03(t *testing.T) {
	for _, tt := range []struct {
		name     string
		deployed bool
		told     StatusType
		want     string
	}{
		{"nothing deployed is undeployed, whatever is still being removed", false, StatusReconciling, "undeployed"},
		{"nothing deployed and nothing told", false, "", "undeployed"},
		{"deployed and nothing told", true, "", "initializing"},
		{"deployed and not looked at", true, StatusWaiting, "initializing"},
		{"deployed again, and the last word is of before", true, StatusUndeployed, "initializing"},
		{"under way", true, StatusReconciling, "reconciling"},
		{"failed: wanted and observed differ", true, StatusFailed, "reconciling"},
		{"unhealthy", true, StatusUnhealthy, "reconciling"},
		{"as wanted", true, StatusDeployed, "idle"},
	} {
		if got := DeploymentState(tt.deployed, tt.told); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
