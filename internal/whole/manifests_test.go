package whole

import (
	"fmt"

	"github.com/wadm-go/wadm/wasmbus"
)

// both runs a test for hosts of each dialect.
var both = map[string]wasmbus.Dialect{"hosts of 1.x": wasmbus.DialectV1, "OTP hosts": wasmbus.DialectOTP}

const (
	oldImage = "registry.example/acme/web:1"
	newImage = "registry.example/acme/web-next:1" // another repository, hence another key: an OTP host runs it beside the old one
)

// shop is an application of six instances behind an HTTP server, in the form that its dialect knows.
func shop(d wasmbus.Dialect, image string) string {
	return app(d, "shop", image, "registry.example/acme/http:1", 6)
}

// app is a component with so many instances and a provider, linked with a configuration.
func app(d wasmbus.Dialect, name, component, provider string, instances int) string {
	if d == wasmbus.DialectOTP {
		return fmt.Sprintf(`
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: %[1]s
  annotations: {description: an application for a test}
spec:
  components:
    - name: web
      type: actor
      properties: {image: %[2]q}
      traits:
        - type: spreadscaler
          properties: {replicas: %[4]d}
        - type: linkdef
          properties:
            target: http
            values: {address: "127.0.0.1:8080"}
    - name: http
      type: capability
      properties: {image: %[3]q, contract: "wasmcloud:httpserver"}
      traits:
        - type: spreadscaler
          properties: {replicas: 1}
`, name, component, provider, instances)
	}
	return fmt.Sprintf(`
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: %[1]s
  annotations: {description: an application for a test}
spec:
  components:
    - name: web
      type: component
      properties: {image: %[2]q}
      traits:
        - type: spreadscaler
          properties: {instances: %[4]d}
    - name: http
      type: capability
      properties: {image: %[3]q}
      traits:
        - type: link
          properties:
            target: web
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            source:
              config: [{name: listen, properties: {address: "127.0.0.1:8080"}}]
`, name, component, provider, instances)
}

// twenty are the applications of the restart tests, each with images of its own: OTP hosts run a provider once for each key.
func twenty(d wasmbus.Dialect) map[string]string {
	all := map[string]string{}
	for i := range 20 {
		name := fmt.Sprintf("app-%02d", i)
		all[name] = app(d, name, fmt.Sprintf("registry.example/acme/web-%02d:1", i), fmt.Sprintf("registry.example/acme/http-%02d:1", i), 3)
	}
	return all
}
