// Command go-file-probe says what the go command's own packages read of each .go file below its arguments, one JSON object
// per line. The imports package beside it is the go command's, copied from GOROOT when the test runs.
package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"probe/imports"
)

type facts struct {
	Path      string
	Package   string   // empty with a problem
	Imports   []string // cmd/go/internal/imports
	ReadError string   // of the same
	AnyTags   bool     // what `go mod vendor` asks
	Platforms []bool   // go/build: as the test's list
	Embeds    []string // go/build
	Cgo       []string // #cgo lines with LDFLAGS
	Linknames int
	Problem   string // go/build, all files used
}

type file struct{ name string }

func (f file) Name() string     { return f.name }
func (file) Size() int64        { return 0 }
func (file) Mode() fs.FileMode  { return 0o644 }
func (file) ModTime() time.Time { return time.Time{} }
func (file) IsDir() bool        { return false }
func (file) Sys() any           { return nil }

func context(platform string, data []byte, name string) build.Context {
	c := build.Default
	c.GOOS, c.GOARCH, _ = strings.Cut(platform, "/")
	c.CgoEnabled = c.GOOS == "linux"
	c.BuildTags, c.ToolTags = []string{"netgo"}, nil
	c.ReadDir = func(string) ([]fs.FileInfo, error) { return []fs.FileInfo{file{name}}, nil }
	c.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return c
}

func unquoted(literals []string) []string {
	paths := []string{}
	for _, literal := range literals {
		if path, err := strconv.Unquote(literal); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// readImports returns the head of the file.
func (f *facts) readImports(data []byte) []byte {
	header, err := imports.ReadImports(bytes.NewReader(data), false, &f.Imports)
	f.Imports = unquoted(f.Imports)
	if err != nil {
		f.ReadError = err.Error()
	}
	f.AnyTags = err != nil || imports.ShouldBuild(header, map[string]bool{"*": true})
	return header
}

func (f *facts) readPackage(data, header []byte) {
	c := context("linux/amd64", data, "x.go")
	c.UseAllFiles = true
	p, err := c.ImportDir(".", 0)
	if err != nil {
		f.Problem = err.Error()
		return
	}
	f.Embeds = p.EmbedPatterns
	parsed, err := parser.ParseFile(token.NewFileSet(), "x.go", header, parser.ImportsOnly|parser.ParseComments)
	if parsed == nil {
		panic(err)
	}
	f.Package = parsed.Name.Name
	for _, decl := range parsed.Decls {
		for _, spec := range decl.(*ast.GenDecl).Specs {
			f.readCgo(decl.(*ast.GenDecl), spec.(*ast.ImportSpec))
		}
	}
}

func (f *facts) readCgo(decl *ast.GenDecl, spec *ast.ImportSpec) {
	doc := spec.Doc
	if doc == nil && len(decl.Specs) == 1 {
		doc = decl.Doc
	}
	if path, _ := strconv.Unquote(spec.Path.Value); path != "C" {
		return
	}
	for _, line := range strings.Split(doc.Text(), "\n") {
		line = strings.TrimSpace(line)
		words, _, ok := strings.Cut(line, ":")
		fields := strings.Fields(words)
		if ok && len(fields) > 1 && fields[0] == "#cgo" && fields[len(fields)-1] == "LDFLAGS" {
			f.Cgo = append(f.Cgo, line)
		}
	}
}

func (f *facts) countLinknames(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("x.go", -1, len(data)), data, nil, scanner.ScanComments)
	for _, tok, text := s.Scan(); tok != token.EOF; _, tok, text = s.Scan() {
		if d, ok := ast.ParseDirective(0, text); tok == token.COMMENT && ok && d.Tool == "go" && d.Name == "linkname" {
			f.Linknames++
		}
	}
}

func main() {
	out := json.NewEncoder(os.Stdout)
	platforms := strings.Split(os.Args[1], ",")
	err := filepath.WalkDir(os.Args[2], func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(path, ".go") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f := facts{Path: path}
		f.readPackage(data, f.readImports(data))
		f.countLinknames(data)
		for _, platform := range platforms {
			c := context(platform, data, entry.Name())
			ok, _ := c.MatchFile(".", entry.Name())
			for _, path := range f.Imports {
				ok = ok && (path != "C" || c.CgoEnabled)
			}
			f.Platforms = append(f.Platforms, ok)
		}
		return out.Encode(f)
	})
	if err != nil {
		panic(err)
	}
}
