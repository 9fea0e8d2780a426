//! Schedules of cron in claims: five fields of numbers, as the form [`SCHEDULE`](crate::schema::form::SCHEDULE) has
//! them. This module checks what the form does not: each number's range, and that the schedule's day ever comes.

/// Fields of a schedule, each with its smallest and largest number.
const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6)];
/// Days of the longest month of each number, beginning with January.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Message about a schedule by which nothing would ever run, or which the operator does not read; `None` for a good one.
pub fn wrong(schedule: &str) -> Option<String> {
    let fields: Vec<&str> = schedule.split(' ').collect();
    if fields.len() != FIELDS.len() {
        return Some("must have five fields, such as 0 3 * * *".to_owned());
    }
    let mut read = Vec::new();
    for (text, (name, least, most)) in fields.iter().zip(FIELDS) {
        match numbers(text, least, most) {
            Some(numbers) => read.push(numbers),
            None => {
                return Some(format!(
                    "must have a {name} of numbers from {least} to {most}, as in 0, 1-5, 1,3 or */2, not {text:?}"
                ));
            }
        }
    }
    // With a day of the week beside it, cron takes either day.
    let comes = |month: &u32| read[2].iter().any(|day| *day <= DAYS[*month as usize - 1]);
    let never = fields[4] == "*" && !read[3].iter().any(comes);
    never.then(|| "must name a day that is in one of its months".to_owned())
}

/// Numbers that a field of a schedule stands for; `None` if the field is none.
fn numbers(field: &str, least: u32, most: u32) -> Option<Vec<u32>> {
    let number = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| is_plain && (least..=most).contains(number))
    };
    let mut all = Vec::new();
    for entry in field.split(',') {
        let (range, step) = match entry.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| (1..=most).contains(step))?),
            None => (entry, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if range == "*" => (least, most),
            // A step without a range goes on to the last number.
            None if entry.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        all.extend((from..=to).step_by(step as usize));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn a_schedule_has_numbers_that_its_fields_have() {
        for good in ["0 3 * * *", "*/15 0-23/2 1,15 * 1-5", "59 23 31 12 6", "0 0 29 2 *", "5/10 * * * 0", "0 0 31 2 1"]
        {
            assert_eq!(wrong(good), None, "{good}");
        }
        for (bad, says) in [
            ("60 3 * * *", "must have a minute of numbers from 0 to 59"),
            ("0 24 * * *", "must have a hour"),
            ("0 3 0 * *", "must have a day of the month"),
            ("0 3 * 13 *", "must have a month"),
            ("0 3 * * 7", "must have a day of the week"),
            ("5-1 3 * * *", "must have a minute"),
            ("*/0 3 * * *", "must have a minute"),
            ("*-5 3 * * *", "must have a minute"),
            (", 3 * * *", "must have a minute"),
            ("1--2 3 * * *", "must have a minute"),
            ("0 0 30 2 *", "must name a day"),
            ("0 0 31 4,6 *", "must name a day"),
            ("0 3 * *", "must have five fields"),
        ] {
            let said = wrong(bad).unwrap();
            assert!(said.starts_with(says), "{bad}: {said}");
        }
    }
}
