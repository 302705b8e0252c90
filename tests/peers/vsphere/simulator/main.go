// vCenter for golden's tests: govmomi's simulator, and a door of our own through which the proxy in front of it sets
// properties and keeps tasks. Plain HTTP on loopback: TLS, strictness and guests are the proxy's.
//
// Prints one line, its address, and serves until its standard input is closed or it is told to end.
package main

import (
	"bytes"
	"crypto/subtle"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/sts/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator" // REST: sessions and tags
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// order is what the proxy asks: properties of one object, a task on it, or a lease that is not ready yet.
type order struct {
	XMLName xml.Name                     `xml:"order"`
	Obj     types.ManagedObjectReference `xml:"obj"`
	Task    string                       `xml:"task"`
	Lease   bool                         `xml:"lease"`
	Change  []types.PropertyChange       `xml:"changeSet"`
}

func read(r *http.Request) (order, error) {
	var o order
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return o, err
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.TypeFunc = types.TypeFunc()
	return o, d.Decode(&o)
}

// carry does the order; a change that does not fit the property's type is the proxy's mistake and is told to it.
func carry(o order) (answer string, err error) {
	defer func() {
		if met := recover(); met != nil {
			err = fmt.Errorf("%s: %v", o.Obj, met)
		}
	}()
	obj := simulator.Map.Get(o.Obj)
	if obj == nil {
		return "", fmt.Errorf("no %s", o.Obj)
	}
	if o.Task != "" {
		task := simulator.CreateTask(obj, o.Task, nil)
		return task.Self.Value, nil
	}
	if o.Lease {
		lease := &simulator.HttpNfcLease{}
		lease.State = types.HttpNfcLeaseStateInitializing
		return simulator.Map.Put(lease).Reference().Value, nil
	}
	simulator.Map.WithLock(obj, func() { simulator.Map.Update(obj, o.Change) })
	return "", nil
}

func door(secret string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Door")), []byte(secret)) != 1 {
			http.NotFound(w, r)
			return
		}
		o, err := read(r)
		answer := ""
		if err == nil {
			answer, err = carry(o)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, answer)
	}
}

func main() {
	esx := flag.Bool("esx", false, "one ESXi host instead of a vCenter")
	machines := flag.Int("machines", 0, "machines of other people's in the inventory")
	idle := flag.Duration("idle", 30*time.Minute, "a session that is silent for so long is over")
	folders := flag.Bool("folders", false, "the datacenter and all that is in it lie in folders")
	version := flag.String("api", "8.0.3.0", "API version")
	flag.Parse()
	m := simulator.VPX()
	if *esx {
		m = simulator.ESX()
	} else {
		m.Host, m.Portgroup = 0, 2
		if *folders {
			m.Folder = 1
		}
	}
	m.Machine, m.Datastore, m.Autostart = *machines, 2, false
	m.ServiceContent.About.ApiVersion = *version
	simulator.SessionIdleTimeout = *idle
	if err := m.Create(); err != nil {
		log.Fatal(err)
	}
	s := m.Service
	s.RegisterEndpoints = true
	s.ServeMux = http.NewServeMux()
	s.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword(os.Getenv("PEER_USER"), os.Getenv("PEER_PASSWORD"))}
	s.ServeMux.HandleFunc("/door", door(os.Getenv("PEER_DOOR")))
	fmt.Println(s.NewServer().URL.Host)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	go func() { // whoever started it is gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		ch <- syscall.SIGTERM
	}()
	<-ch
	m.Remove()
}
