//go:build tools

// Names the program that tests/setup/clients.sh builds, so that go.sum pins it.
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
