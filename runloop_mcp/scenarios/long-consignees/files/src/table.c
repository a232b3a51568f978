#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct consignee *table;
static int used, room;
static char (*seen)[12];
static int seen_used;
static struct consignee *last; /* most manifests name the same consignee many times in a row */

static struct consignee *find(const char *name)
{
    int i;

    if (last && strcmp(last->name, name) == 0)
        return last;
    for (i = 0; i < used; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

int add(const struct entry *entry)
{
    struct consignee *found;
    int i;

    for (i = 0; i < seen_used; i++)
        if (strcasecmp(seen[i], entry->number) == 0)
            return 1;
    seen = realloc(seen, seen_used * sizeof *seen + 1);
    strcpy(seen[seen_used++], entry->number);

    found = find(entry->consignee);
    if (!found) {
        if (used == room) {
            room = room ? room * 2 : 4;
            table = realloc(table, room * sizeof *table);
        }
        found = &table[used++];
        strcpy(found->name, entry->consignee);
        found->total = 0;
        found->containers = 0;
    }
    found->total += entry->weight;
    found->containers++;
    if (entry->weight >= found->heaviest_weight) {
        found->heaviest_weight = entry->weight;
        strcpy(found->heaviest, entry->number);
    }
    last = found;
    return 0;
}

static int heavier(const void *a, const void *b)
{
    const struct consignee *left = a, *right = b;

    return right->total - left->total;
}

void report(void)
{
    int i, total = 0, containers = 0;

    qsort(table, used, sizeof *table, heavier);
    for (i = 0; i <= used - 1; i++) {
        printf("%d %d %s ", table[i].total, table[i].containers, table[i].heaviest);
        printf(table[i].name);
        printf("\n");
        total += table[i].total;
        containers += table[i].containers;
    }
    printf("total %d %d\n", total, containers);
}
