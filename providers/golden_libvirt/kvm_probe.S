# A multiboot program of one page that does what every kernel of today does first: it switches paging and 64-bit
# mode on, swaps 16 bytes under a lock, and counts. What it writes to the debug port 0x402 is the answer.
# Made with: gcc -m32 -nostdlib -static -Wl,--oformat=binary,-Ttext=0x100000,--build-id=none kvm_probe.S

        .set    MAGIC, 0x1BADB002
        .set    FLAGS, 0x00010000               # the load addresses stand in this header
        .set    ROUNDS, 50000000

        .code32
        .globl  _start
        .text
header: .long   MAGIC, FLAGS, -(MAGIC + FLAGS)
        .long   header, header, end, memory_end, _start

_start: movl    $tables + 0x1003, tables        # one page of 2 MiB, mapped onto itself
        movl    $tables + 0x2003, tables + 0x1000
        movl    $0x00000083, tables + 0x2000
        movl    $tables, %eax
        movl    %eax, %cr3
        movl    $0x00000020, %eax               # PAE
        movl    %eax, %cr4
        movl    $0xC0000080, %ecx               # EFER: long mode
        rdmsr
        orl     $0x00000100, %eax
        wrmsr
        movl    $0x80000011, %eax               # paging and protection
        movl    %eax, %cr0
        lgdt    descriptor
        ljmp    $8, $long

        .code64
long:   xorl    %eax, %eax
        xorl    %edx, %edx
        movl    $1, %ebx
        xorl    %ecx, %ecx
        lock    cmpxchg16b cell
        movl    $ROUNDS, %ecx
count:  decl    %ecx
        jnz     count
        movl    $words, %esi
        movw    $0x402, %dx
        movl    $words_end - words, %ecx
        rep     outsb
sleep:  hlt
        jmp     sleep

        .balign 8
gdt:    .quad   0, 0x00209A0000000000
descriptor:
        .word   descriptor - gdt - 1
        .long   gdt
words:  .ascii  "golden: 64-bit code runs\n"
words_end:
end:
        .set    cell, 0x102000
        .set    tables, 0x103000
        .set    memory_end, 0x106000
