-- The positions of each portfolio together, a row for each currency in it. Cost, value and profit are those of the positions
-- that have a price; `unpriced` counts the others.
select
  trade_date,
  portfolio,
  max(portfolio_name) as portfolio_name,
  currency,
  count(*) as positions,
  count(*) filter (where unrealised is null) as unpriced,
  sum(cost) filter (where unrealised is not null) as cost,
  sum(value) filter (where unrealised is not null) as value,
  sum(unrealised) as unrealised,
  max(previous_date) as previous_date,
  sum(day_profit) as day_profit,
  count(*) filter (where day_profit is null) as without_day_profit
from positions
group by trade_date, portfolio, currency
order by portfolio, currency
