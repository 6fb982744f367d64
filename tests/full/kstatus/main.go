// Tells what kstatus makes of each object of a JSON array on standard input.
package main

import (
	"encoding/json"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	var raw []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&raw); err != nil {
		panic(err)
	}
	words := []string{}
	for _, each := range raw {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(each); err != nil {
			panic(err)
		}
		found, err := status.Compute(object)
		if err != nil {
			panic(err)
		}
		words = append(words, found.Status.String())
	}
	if err := json.NewEncoder(os.Stdout).Encode(words); err != nil {
		panic(err)
	}
}
