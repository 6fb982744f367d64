// Enforces NetworkPolicies on one node by iptables: kube-router's controller of them, without its routing and proxy.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"github.com/cloudnativelabs/kube-router/v2/pkg/svcip"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "of the API server whose policies are enforced")
	node := flag.String("node", "", "the name of this node")
	services := flag.String("services", "", "the CIDR of Services' addresses")
	cleanup := flag.Bool("cleanup", false, "remove all rules and end")
	flag.Parse()
	if *cleanup {
		(&netpol.NetworkPolicyController{}).Cleanup()
		return
	}
	if err := enforce(*kubeconfig, *node, *services); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func enforce(kubeconfig, node, services string) error {
	config := options.NewKubeRouterConfig()
	config.EnableIPv4, config.HostnameOverride, config.ClusterIPCIDRs = true, node, []string{services}
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return err
	}
	ranges, err := svcip.NewValidator(svcip.Config{ClusterIPCIDRs: config.ClusterIPCIDRs, EnableIPv4: true})
	if err != nil {
		return err
	}
	rules, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	all := informers.NewSharedInformerFactory(client, 0)
	pods := all.Core().V1().Pods().Informer()
	namespaces := all.Core().V1().Namespaces().Informer()
	policies := all.Networking().V1().NetworkPolicies().Informer()
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &sync.Mutex{}, nil, rules, sets, ranges)
	if err != nil {
		return err
	}
	handlers := map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods:       controller.PodEventHandler,
		namespaces: controller.NamespaceEventHandler,
		policies:   controller.NetworkPolicyEventHandler,
	}
	for informer, handler := range handlers {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	stop := make(chan struct{})
	all.Start(stop)
	all.WaitForCacheSync(stop)
	run(controller, stop)
	return nil
}

// run enforces until the process is told to end; the rules stay.
func run(controller *netpol.NetworkPolicyController, stop chan struct{}) {
	// Nobody asks for its health, but it waits until each beat was taken.
	beats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range beats {
		}
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	var work sync.WaitGroup
	work.Add(1)
	go controller.Run(beats, stop, &work)
	<-signals
	close(stop)
	work.Wait()
}
